package link

import (
	"p2ptool/p2p/link/recovery"
	"p2ptool/p2p/path"
)

const (
	holeLost   = 4 // packets lost for their size after which the path uses path.MinMTU
	holeKills  = 8 // after which a path that uses it already is lost
	holeSilent = 2 // probe timeouts in a row after which the path uses path.MinMTU
)

// carries returns the size up to which the loss of a packet is not put down to its size.
func (p *flow) carries() int {
	if p.MTU > path.MinMTU {
		return path.MinMTU
	}
	return path.MinMTU / 2
}

// checkSilence shrinks a path's datagrams after some probe timeouts in a row.
func (l *Link) checkSilence(p *flow) {
	if p.MTU > path.MinMTU && p.loss.Probes%holeSilent == 0 {
		l.shrink(p)
	}
}

// checkHole shrinks a path's datagrams if packets are lost for their size, or gives the path up if
// they are the smallest already.
func (l *Link) checkHole(p *flow) {
	switch {
	case p.MTU > path.MinMTU && p.loss.Hole.Lost >= holeLost:
		l.shrink(p)
	case p.MTU == path.MinMTU && p.loss.Hole.Lost >= holeKills && p.State == path.Valid:
		p.loss.Hole = recovery.BlackHole{}
		l.paths.Lose(l.now, p.Path)
	}
}

// shrink makes a path use the smallest datagrams, and sends larger packets in flight again.
func (l *Link) shrink(p *flow) {
	l.paths.Shrink(l.now, p.Path)
	for s := range l.loss.history.InFlightOn(&p.loss) {
		if s.Size > path.MinMTU {
			l.losePacket(s)
		}
	}
}
