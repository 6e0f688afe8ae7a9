package link

import (
	"time"

	"p2ptool/p2p/link/recovery"
)

const (
	holeLost   = 4               // such packets, and the path's datagrams become as small as they can be
	holeKills  = 8               // of packets that are that small already, and the path is of no use
	holeSilent = 2               // timeouts in a row, without any sign
	holeGap    = 5 * time.Second // between two searches that a hole brings about
)

// carries returns what a path's packets may have, of those that it uses, without being
// suspected.
func (p *linkPath) carries() int {
	if p.mtu > minMTU {
		return minMTU
	}
	return minMTU / 2
}

// checkSilence does what is due where nothing was heard of packets for some timeouts.
func (l *Link) checkSilence(p *linkPath) {
	if p.mtu > minMTU && p.loss.Probes%holeSilent == 0 {
		l.shrink(p)
	}
}

// checkHole does what is due where packets are lost for their size.
func (l *Link) checkHole(p *linkPath) {
	switch {
	case p.mtu > minMTU && p.loss.Hole.Lost >= holeLost:
		l.shrink(p)
	case p.mtu == minMTU && p.loss.Hole.Lost >= holeKills && p.state == valid:
		p.narrow = true
		p.loss.Hole = recovery.BlackHole{}
		l.kill(p)
	}
}

// shrink has a path use the smallest datagrams, sends again what was larger, and searches
// for the largest size anew: if it was no hole after all, that takes a round trip.
func (l *Link) shrink(p *linkPath) {
	p.setMTU(minMTU)
	p.search = mtuSearch{next: l.now}
	if again := p.shrank.Add(holeGap); again.After(l.now) {
		p.search.next = again
	}
	p.shrank = l.now
	for s := range l.history.InFlightOn(&p.loss) {
		if s.Size > minMTU {
			l.losePacket(s)
		}
	}
}
