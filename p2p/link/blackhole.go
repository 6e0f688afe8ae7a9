package link

import (
	"slices"
	"time"
)

// A path may begin to drop large datagrams while small ones get through: nothing says so, and
// what is sent again is lost again (a black hole: RFC 2923, RFC 8899, section 4.3). It shows
// in large packets that are lost while smaller ones, sent later, arrive. Where nothing is sent
// later, a probe timeout sends a small packet behind the large ones.
const (
	holeLost   = 4               // such packets, and the path's datagrams become as small as they can be
	holeKills  = 8               // of packets that are that small already, and the path is of no use
	holeSilent = 2               // timeouts in a row, without any sign
	holeGap    = 5 * time.Second // between two searches that a hole brings about
	holeSizes  = 8               // that are remembered
)

// A blackHole counts a path's packets that were lost for their size, as it seems.
type blackHole struct {
	arrived []arrivedSize // by time sent, each larger than those sent later
	lost    int           // in a row
	least   int           // bytes of the smallest of them
	since   uint64        // the first of them
}

// arrivedSize is a packet that arrived after all that were sent later and are as large.
type arrivedSize struct {
	size int32
	seq  uint64
}

// acked takes the arrival of a packet.
func (h *blackHole) acked(p *sentPacket) {
	if h.lost > 0 && int(p.Size) >= h.least && p.seq > h.since {
		h.lost = 0
	}
	if n := len(h.arrived); n == 1 && h.arrived[0].size <= p.Size && h.arrived[0].seq <= p.seq {
		h.arrived[0] = arrivedSize{p.Size, p.seq}
		return
	}
	if slices.ContainsFunc(h.arrived, func(a arrivedSize) bool { return a.size >= p.Size && a.seq >= p.seq }) {
		return
	}
	h.arrived = slices.DeleteFunc(h.arrived, func(a arrivedSize) bool { return a.size <= p.Size && a.seq <= p.seq })
	if len(h.arrived) == holeSizes {
		h.arrived = slices.Delete(h.arrived, 0, 1)
	}
	h.arrived = append(h.arrived, arrivedSize{p.Size, p.seq})
}

// missed takes the loss of a packet that is larger than any that is known to get through.
func (h *blackHole) missed(p *sentPacket, carried int) {
	if int(p.Size) <= carried || slices.ContainsFunc(h.arrived, func(a arrivedSize) bool { return a.size >= p.Size && a.seq > p.seq }) {
		return
	}
	if h.lost == 0 {
		h.least, h.since = int(p.Size), p.seq
	}
	h.lost++
	h.least = min(h.least, int(p.Size))
}

// carries returns what a path's packets may have, of those that it uses, without being
// suspected.
func (p *path) carries() int {
	if p.mtu > minMTU {
		return minMTU
	}
	return minMTU / 2
}

// checkSilence does what is due where nothing was heard of packets for some timeouts.
func (l *Link) checkSilence(p *path) {
	if p.mtu > minMTU && p.recovery.probes%holeSilent == 0 {
		l.shrink(p)
	}
}

// checkHole does what is due where packets are lost for their size.
func (l *Link) checkHole(p *path) {
	switch {
	case p.mtu > minMTU && p.hole.lost >= holeLost:
		l.shrink(p)
	case p.mtu == minMTU && p.hole.lost >= holeKills && p.state == valid:
		p.narrow = true
		p.hole = blackHole{}
		l.kill(p)
	}
}

// shrink has a path use the smallest datagrams, sends again what was larger, and searches
// for the largest size anew: if it was no hole after all, that takes a round trip.
func (l *Link) shrink(p *path) {
	p.setMTU(minMTU)
	p.search = mtuSearch{next: l.now}
	if again := p.shrank.Add(holeGap); again.After(l.now) {
		p.search.next = again
	}
	p.shrank = l.now
	for s := range l.inFlightOn(p) {
		if s.Size > minMTU {
			l.losePacket(s)
		}
	}
}
