package link

import (
	"math/rand/v2"
	"slices"
	"time"

	"p2ptool/p2p/link/recovery"
	"p2ptool/p2p/link/wire"
	"p2ptool/p2p/noise"
	"p2ptool/p2p/udp"
)

// Sizes of a path's datagrams, without the headers of IP and UDP. A path counts as valid once
// a PING of minMTU was answered, and its datagrams have that size until larger PINGs
// were answered, too (RFC 8899). Each end finds out what its own datagrams may have.
const (
	minMTU      = 576 - 20 - 8 // what every IPv4 path has to carry (RFC 791)
	baseMTU     = 1200         // what nearly every path carries
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
)

// An mtuSearch is how far the search for a path's largest datagram has come: first baseMTU and
// ethernetMTU at once, then larger ones, or quarters of what lies between the largest that was
// answered and the smallest that was not.
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

// mtuDue returns when the search is to go on; ok is false where there is none.
func (l *Link) mtuDue(p *linkPath) (at time.Time, ok bool) {
	if p != l.chosen || p.state != valid || !p.loss.RTT.Sampled {
		return at, false
	}
	return p.search.next, !p.search.resting || p.loss.Carried() > p.search.idle
}

// searchMTU sends the next PINGs of the search, if it is time.
func (l *Link) searchMTU(p *linkPath) {
	at, ok := l.mtuDue(p)
	if !ok || at.After(l.now) {
		return
	}
	s := &p.search
	if s.resting {
		*s = mtuSearch{ended: s.ended}
	}
	if s.tries++; len(s.probes) > 0 && s.tries > s.most(p.mtu) && l.provenSince(p, s.began) {
		s.tooLarge = s.probes[0].size
		s.probes, s.tries = nil, 1
	}
	if len(s.probes) == 0 {
		s.began = l.now
		if !s.begin(p.mtu) {
			p.restSearch(l.now)
			return
		}
	}
	s.next = l.now.Add(p.loss.RTT.ProbeTimeout())
	for i := range s.probes {
		q := &s.probes[i]
		q.id = rand.Uint64()
		l.postFull(p, q.size, wire.AppendPing(nil, q.id))
	}
}

// provenSince reports whether the path has shown since then that packets of ours arrive: else
// that probes go unanswered tells nothing of their size. If it has not, it is asked.
func (l *Link) provenSince(p *linkPath, t time.Time) bool {
	if p.proven.After(t) {
		return true
	}
	if p.misses == 0 {
		l.ping(p, nil)
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
	case mtu < baseMTU:
		sizes = []int{baseMTU, ethernetMTU}
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
func (p *linkPath) restSearch(now time.Time) {
	rest := min(mtuRestFirst<<min(p.search.ended, 10), mtuRest)
	p.search = mtuSearch{next: now.Add(rest), ended: p.search.ended + 1, resting: true, idle: p.loss.Carried()}
	p.limit = 0
	if p.mtu < baseMTU {
		p.limit = p.mtu
	}
}

// postFull sends frames in a packet that is padded to size.
func (l *Link) postFull(p *linkPath, size int, frames []byte) {
	buf := l.buffer.Bytes()[:size]
	start := len(p.header) + noise.HeaderSize
	n := size - len(p.header) - noise.Overhead
	clear(buf[start : start+n])
	copy(buf[start:], frames)
	if n := l.seal(p, buf, n); n > 0 {
		l.write(p, udp.Batch{Data: buf[:n], Size: n})
	}
}

// mtuFound takes a PONG for an answer of the search and reports whether it is.
func (l *Link) mtuFound(p *linkPath, id uint64) bool {
	s := &p.search
	i := slices.IndexFunc(s.probes, func(q mtuProbe) bool { return q.id == id && id != 0 })
	if i < 0 {
		return false
	}
	p.setMTU(s.probes[i].size)
	if s.probes = slices.Delete(s.probes, 0, i+1); len(s.probes) == 0 {
		s.tries, s.next = 0, l.now
	}
	if p.mtu >= baseMTU {
		p.limit = 0
	}
	return true
}

// packet returns the length of the IP packet that a datagram is in; 0 of 0.
func (p *linkPath) packet(datagram int) int {
	switch {
	case datagram == 0:
		return 0
	case p.route.Addr.Addr().Is6():
		return datagram + 40 + 8
	}
	return datagram + 20 + 8
}

func (p *linkPath) setMTU(n int) {
	p.mtu = n
	p.loss.Hole = recovery.BlackHole{}
	p.loss.Controller.SetPacket(n)
}
