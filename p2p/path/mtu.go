package path

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Sizes of datagrams, without the headers of IP and UDP. A path is valid once a PING of MinMTU was
// answered, and its datagrams have that size until larger PINGs were answered too (RFC 8899). Each end
// finds out the size of its own datagrams.
const (
	MinMTU      = 576 - 20 - 8 // what every IPv4 path has to carry (RFC 791)
	BaseMTU     = 1200         // what nearly every path carries
	ethernetMTU = 1500 - 40 - 8
)

// jumboSizes are tried one after the other where a full frame of Ethernet gets through.
var jumboSizes = [...]int{8932, 65000}

const (
	mtuFirstTries = 8                // of the first sizes: where half is lost, most probes go unanswered
	mtuTries      = 3                // of any other
	mtuStep       = 16               // bytes, to which the largest size is found out
	mtuRestFirst  = 5 * time.Second  // until the search is made again, then twice as long, up to
	mtuRest       = 10 * time.Minute // (PMTU_RAISE_TIMER)
	shrinkGap     = 5 * time.Second  // between two searches that Shrink begins
)

// An mtuSearch is the state of the search for a path's largest datagram: first BaseMTU and ethernetMTU
// at once, then larger ones, or quarters of the range between the largest that was answered and the
// smallest that was not.
type mtuSearch struct {
	tooLarge int        // the smallest size that went unanswered; 0: none
	probes   []mtuProbe // on their way
	tries    int        // of them
	began    time.Time  // when they were first sent
	next     time.Time  // when to go on
	ended    int        // searches that came to their end since the path last shrank
	resting  bool
	idle     uint64 // packets that the path had carried when the search ended: it is not made again for less
}

type mtuProbe struct {
	id   uint64
	size int
}

// mtuDue returns when the search is to go on; ok is false if there is none.
func (m *Manager) mtuDue(p *Path) (at time.Time, ok bool) {
	if p != m.best || p.State != Valid || !p.Flow.RTT().Sampled {
		return at, false
	}
	return p.search.next, !p.search.resting || p.Flow.Carried() > p.search.idle
}

// searchMTU sends the next PINGs of the search, if it is time.
func (m *Manager) searchMTU(p *Path) {
	at, ok := m.mtuDue(p)
	if !ok || at.After(m.now) {
		return
	}
	s := &p.search
	if s.resting {
		*s = mtuSearch{ended: s.ended}
	}
	if s.tries++; len(s.probes) > 0 && s.tries > s.most(p.MTU) && m.provenSince(p, s.began) {
		s.tooLarge = s.probes[0].size
		s.probes, s.tries = nil, 1
	}
	if len(s.probes) == 0 {
		s.began = m.now
		if !s.begin(p.MTU) {
			p.restSearch(m.now)
			return
		}
	}
	s.next = m.now.Add(p.Flow.RTT().ProbeTimeout())
	for i := range s.probes {
		q := &s.probes[i]
		q.id = rand.Uint64()
		m.post(p, Probe{HasPing: true, Ping: q.id, Size: q.size})
	}
}

// provenSince reports whether the path has shown since then that our packets arrive. If not, that probes go
// unanswered says nothing about their size, and the path is checked.
func (m *Manager) provenSince(p *Path, t time.Time) bool {
	if p.proven.After(t) {
		return true
	}
	if p.misses == 0 {
		m.ping(p, nil)
	}
	return false
}

// most returns how often probes of the present sizes are sent.
func (s *mtuSearch) most(mtu int) int {
	if s.tooLarge == 0 && mtu < ethernetMTU {
		return mtuFirstTries
	}
	return mtuTries
}

// begin chooses the sizes to try next, smallest first, and reports whether there are any.
func (s *mtuSearch) begin(mtu int) bool {
	var sizes []int
	switch {
	case s.tooLarge > ethernetMTU: // of the large sizes one will do
	case s.tooLarge > 0:
		for n := 1; n <= 3 && s.tooLarge-mtu > mtuStep; n++ {
			sizes = append(sizes, mtu+n*(s.tooLarge-mtu)/4)
		}
	case mtu < BaseMTU:
		sizes = []int{BaseMTU, ethernetMTU}
	case mtu < ethernetMTU:
		sizes = []int{ethernetMTU}
	default:
		if i := slices.IndexFunc(jumboSizes[:], func(n int) bool { return n > mtu }); i >= 0 {
			sizes = jumboSizes[i : i+1]
		}
	}
	for _, n := range sizes {
		s.probes = append(s.probes, mtuProbe{size: n})
	}
	return len(sizes) > 0
}

// restSearch ends the search for a while.
func (p *Path) restSearch(now time.Time) {
	rest := min(mtuRestFirst<<min(p.search.ended, 10), mtuRest)
	p.search = mtuSearch{next: now.Add(rest), ended: p.search.ended + 1, resting: true, idle: p.Flow.Carried()}
	p.limit = 0
	if p.MTU < BaseMTU {
		p.limit = p.MTU
	}
}

// mtuAnswered reports whether a PONG answers a probe of the search, and continues the search then.
func (p *Path) mtuAnswered(id uint64, now time.Time) bool {
	s := &p.search
	i := slices.IndexFunc(s.probes, func(q mtuProbe) bool { return q.id == id && id != 0 })
	if i < 0 {
		return false
	}
	p.setMTU(s.probes[i].size)
	if s.probes = slices.Delete(s.probes, 0, i+1); len(s.probes) == 0 {
		s.tries, s.next = 0, now
	}
	if p.MTU >= BaseMTU {
		p.limit = 0
	}
	return true
}

// Shrink has a path use the smallest datagrams, because larger ones seem not to get through any more, and
// searches for the largest size again: if they do after all, that takes a round trip.
func (m *Manager) Shrink(now time.Time, p *Path) {
	m.now = now
	p.setMTU(MinMTU)
	p.search = mtuSearch{next: m.now}
	if again := p.shrank.Add(shrinkGap); again.After(m.now) {
		p.search.next = again
	}
	p.shrank = m.now
}

// PacketSize returns the size of the IP packet that a datagram is in; 0 for 0.
func (p *Path) PacketSize(datagram int) int {
	switch {
	case datagram == 0:
		return 0
	case p.Route.Addr.Addr().Is6():
		return datagram + 40 + 8
	}
	return datagram + 20 + 8
}

// Limit returns the size of the largest IP packet that the path carries if that is less than nearly
// every path does, else 0.
func (p *Path) Limit() int { return p.PacketSize(p.limit) }

func (p *Path) setMTU(n int) {
	p.MTU = n
	p.Flow.SetMTU(n)
}
