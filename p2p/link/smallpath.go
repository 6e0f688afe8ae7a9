package link

import (
	"p2ptool/p2p/link/recovery"
	"p2ptool/p2p/path"
)

const (
	holeLost   = 4 // such packets, and the path's datagrams become as small as they can be
	holeKills  = 8 // of packets that are that small already, and the path is of no use
	holeSilent = 2 // timeouts in a row, without any sign
)

// carries returns what a path's packets may have, of those that it uses, without being
// suspected.
func (p *flow) carries() int {
	if p.MTU > path.MinMTU {
		return path.MinMTU
	}
	return path.MinMTU / 2
}

// checkSilence does what is due where nothing was heard of packets for some timeouts.
func (l *Link) checkSilence(p *flow) {
	if p.MTU > path.MinMTU && p.loss.Probes%holeSilent == 0 {
		l.shrink(p)
	}
}

// checkHole does what is due where packets are lost for their size.
func (l *Link) checkHole(p *flow) {
	switch {
	case p.MTU > path.MinMTU && p.loss.Hole.Lost >= holeLost:
		l.shrink(p)
	case p.MTU == path.MinMTU && p.loss.Hole.Lost >= holeKills && p.State == path.Valid:
		p.loss.Hole = recovery.BlackHole{}
		l.paths.Lose(l.now, p.Path)
	}
}

// shrink has a path use the smallest datagrams, and sends again what was larger.
func (l *Link) shrink(p *flow) {
	l.paths.Shrink(l.now, p.Path)
	for s := range l.history.InFlightOn(&p.loss) {
		if s.Size > path.MinMTU {
			l.losePacket(s)
		}
	}
}
