package link

import (
	"math/rand/v2"
	"time"

	"p2ptool/p2p/noise"
	"p2ptool/p2p/udp"
)

// A path's datagrams begin at baseMTU and grow after RFC 8899: a PING that is
// padded to the next size is sent, and its PONG says that the path carries it.
// The sizes are what is met with: Ethernet, jumbo frames, loopback.
var mtuSizes = [...]int{1452, 8932, 65000}

const (
	mtuTries = 3                // of a size
	mtuRest  = 10 * time.Minute // after it was found too large
	mtuScare = time.Minute      // after a size that had been fine was not any more
	mtuGone  = 2                // timeouts in a row that speak for that (a black hole)
)

// An mtuSearch is how far the search for a path's largest datagram has come.
type mtuSearch struct {
	step  int       // of mtuSizes, that is tried
	tries int       // of it that went unanswered
	id    uint64    // of the PING that is on its way; 0: none
	next  time.Time // when to go on
}

// mtuDue returns when the search is to go on; ok is false where it has ended.
func (l *Link) mtuDue(p *path) (at time.Time, ok bool) {
	return p.search.next, p == l.chosen && p.state == valid && p.rtt.sampled && p.search.step < len(mtuSizes)
}

// searchMTU sends the next PING of the search, if it is time.
func (l *Link) searchMTU(p *path) {
	at, ok := l.mtuDue(p)
	if !ok || at.After(l.now) {
		return
	}
	s := &p.search
	if s.id != 0 {
		if s.tries++; s.tries == mtuTries {
			*s = mtuSearch{step: s.step, next: l.now.Add(mtuRest)}
			return
		}
	}
	s.id = max(rand.Uint64(), 1)
	s.next = l.now.Add(p.rtt.probeTimeout())
	l.postFull(p, mtuSizes[s.step], appendPing(nil, s.id))
}

// postFull sends frames in a packet that is padded to size.
func (l *Link) postFull(p *path, size int, frames []byte) {
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
func (l *Link) mtuFound(p *path, id uint64) bool {
	if p.search.id == 0 || p.search.id != id {
		return false
	}
	p.setMTU(mtuSizes[p.search.step])
	p.search = mtuSearch{step: p.search.step + 1, next: l.now}
	return true
}

// mtuLost is told of each timeout on a path: several in a row may mean that it
// carries large datagrams no longer.
func (l *Link) mtuLost(p *path) {
	if p.recovery.probes >= mtuGone && p.mtu > baseMTU {
		p.setMTU(baseMTU)
		p.search = mtuSearch{next: l.now.Add(mtuScare)}
	}
}

func (p *path) setMTU(n int) {
	p.mtu = n
	p.cc.setPacket(n)
}
