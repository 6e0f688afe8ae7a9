package path

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Sizes of datagrams, without the headers of IP and UDP. A path is valid once the peer has answered a
// PING of MinMTU bytes. Its datagrams have that size until the peer has answered larger PINGs (RFC 8899).
// Each end searches for the size of the datagrams that it sends.
const (
	MinMTU      = 576 - 20 - 8 // every IPv4 path must carry it (RFC 791)
	BaseMTU     = 1200         // nearly every path carries it
	ethernetMTU = 1500 - 40 - 8
)

// jumboSizes are tried in turn if a full Ethernet frame gets through.
var jumboSizes = [...]int{8932, 65000}

const (
	mtuFirstTries = 8                // for the first sizes: if half of the packets are lost, most probes are not answered
	mtuTries      = 3                // for other sizes
	mtuStep       = 16               // bytes; precision of the search
	mtuRestFirst  = 5 * time.Second  // until the next search; doubles each time
	mtuRest       = 10 * time.Minute // the longest rest (PMTU_RAISE_TIMER)
	shrinkGap     = 5 * time.Second  // between two searches that Shrink starts
)

// An mtuSearch is the state of the search for the largest datagram of a path. The search first tries
// BaseMTU and ethernetMTU at once. Then it tries larger sizes, or divides the range between the largest
// answered and the smallest unanswered size into quarters.
type mtuSearch struct {
	tooLarge int        // the smallest size that was not answered; 0: none
	probes   []mtuProbe // waiting for answers
	tries    int        // how often the probes were sent
	began    time.Time  // when they were first sent
	next     time.Time  // when to continue
	ended    int        // finished searches since the path last shrank
	resting  bool
	idle     uint64 // Flow.Carried when the search ended: it is not repeated until the path carries more
}

type mtuProbe struct {
	id   uint64
	size int
}

// mtuDue returns when to continue the search; ok is false if there is no search.
func (m *Manager) mtuDue(p *Path) (at time.Time, ok bool) {
	if p != m.best || p.State != Valid || !p.Flow.RTT().Sampled {
		return at, false
	}
	return p.search.next, !p.search.resting || p.Flow.Carried() > p.search.idle
}

// searchMTU sends the next PINGs of the search if they are due.
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

// provenSince reports whether the peer has received a packet of ours on the path since t. If not, missing answers
// to probes say nothing about their size, so provenSince checks the path.
func (m *Manager) provenSince(p *Path, t time.Time) bool {
	if p.proven.After(t) {
		return true
	}
	if p.misses == 0 {
		m.ping(p, nil)
	}
	return false
}

// most returns how many times to send probes of the current sizes.
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
	case s.tooLarge > ethernetMTU: // do not search between the jumbo sizes
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

// restSearch pauses the search.
func (p *Path) restSearch(now time.Time) {
	rest := min(mtuRestFirst<<min(p.search.ended, 10), mtuRest)
	p.search = mtuSearch{next: now.Add(rest), ended: p.search.ended + 1, resting: true, idle: p.Flow.Carried()}
	p.limit = 0
	if p.MTU < BaseMTU {
		p.limit = p.MTU
	}
}

// mtuAnswered reports whether a PONG answers a probe of the search, and if so continues the search.
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

// Shrink makes a path use the smallest datagrams, because larger ones seem to be lost now. It also restarts
// the search for the largest size. If the larger ones still get through, the search takes one round trip.
func (m *Manager) Shrink(now time.Time, p *Path) {
	m.now = now
	p.setMTU(MinMTU)
	p.search = mtuSearch{next: m.now}
	if again := p.shrank.Add(shrinkGap); again.After(m.now) {
		p.search.next = again
	}
	p.shrank = m.now
}

// PacketSize returns the size of the IP packet that contains a datagram of the given size; 0 for 0.
func (p *Path) PacketSize(datagram int) int {
	switch {
	case datagram == 0:
		return 0
	case p.Route.Addr.Addr().Is6():
		return datagram + 40 + 8
	}
	return datagram + 20 + 8
}

// Limit returns the size of the largest IP packet that the path carries, if its datagrams are smaller
// than BaseMTU. Otherwise it returns 0.
func (p *Path) Limit() int { return p.PacketSize(p.limit) }

func (p *Path) setMTU(n int) {
	p.MTU = n
	p.Flow.SetMTU(n)
}
