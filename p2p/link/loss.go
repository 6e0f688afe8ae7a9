package link

import (
	"time"

	"p2ptool/p2p/link/recovery"
	"p2ptool/p2p/link/wire"
	"p2ptool/p2p/path"
)

// OnAck takes an ACK frame.
func (l packetHandler) OnAck(a wire.Ack) error {
	if a.Ranges[0].End > l.sender.Counter() {
		return errAck
	}
	l.sampleRTT(a)
	for i := len(a.Ranges) - 1; i >= 0; i-- {
		s := a.Ranges[i]
		l.history.SettleAll(s, l.ackPacket)
	}
	best := l.best()
	for _, q := range l.paths.All() {
		if p := flowOf(q); p.loss.TakeNews() {
			l.detectLost(p)
			if p == best && p.loss.Controller.RateFell() {
				l.probes = probePackets
				l.streams.expedite(probePackets * p.room())
			}
			l.checkHole(p)
		}
	}
	l.history.Forget(l.now)
	return nil
}

// sampleRTT measures by the largest packet of an ACK, to which alone its delay
// applies, if it is news and the answer came by the path that it took.
func (l *Link) sampleRTT(a wire.Ack) {
	p := l.history.Lookup(a.Ranges[0].End - 1)
	if p != nil && p.Path == &l.from.loss {
		p.Path.RTT.Sample(l.now.Sub(p.Time), a.Delay)
	}
}

// ackPacket takes the acknowledgement of one packet.
func (l *Link) ackPacket(p *recovery.Packet) {
	p.Path.Settle(l.now, p)
	l.acks.Forget(p.AllBelow)
	for i := range int(p.Count) {
		f := p.Frame(i)
		if !f.Kind.OfStream() {
			continue
		}
		s := l.streams.known(f.Stream)
		if s == nil {
			continue
		}
		if f.Kind == recovery.Window && s == l.raised {
			l.raised = nil
		}
		if s.acked(f) {
			l.streams.drop(s)
		}
	}
	l.proveBy(p)
}

// proveBy takes the acknowledgement of a packet for an answer on its path.
func (l *Link) proveBy(p *recovery.Packet) {
	if at := l.pathOf(p.Path); at != nil { // else it was dropped since
		l.paths.Acked(l.now, at, p.Time, int(p.Size))
	}
}

// pathOf returns the path that loss detection knows by this, nil if it was dropped.
func (l *Link) pathOf(loss *recovery.Path) *path.Path {
	if c := l.best(); c != nil && &c.loss == loss {
		return c.Path
	}
	for _, p := range l.paths.All() {
		if &flowOf(p).loss == loss {
			return p
		}
	}
	return nil
}

// detectLost declares the packets of a path lost that are overdue, and sets
// the time at which the next one will be.
func (l *Link) detectLost(p *flow) {
	p.loss.LossAt = time.Time{}
	for s := range l.history.InFlightOn(&p.loss) {
		at, ok := p.loss.Overdue(s)
		if !ok {
			return
		}
		if at.After(l.now) {
			p.loss.LossAt = at
			return
		}
		l.losePacket(s)
		p.loss.Judge(l.now, s, p.carries())
	}
}

// losePacket takes a packet out of flight and makes what it carried due again.
func (l *Link) losePacket(s *recovery.Packet) {
	if l.cfg.Trace != nil {
		l.traceLost(s)
	}
	s.Path.Lose(s)
	l.lostPackets++
	l.resend(s)
}

func (l *Link) resend(s *recovery.Packet) {
	for i := range int(s.Count) {
		switch f := s.Frame(i); {
		case f.Kind == recovery.Candidates, f.Kind == recovery.NAT, f.Kind == recovery.Ports:
			l.announced.lose(f.Kind)
		case f.Kind.OfStream():
			if s := l.streams.known(f.Stream); s != nil && s.lost(f) {
				l.streams.queue(s, f.Kind != recovery.Data)
			}
		}
	}
}

// loseAll takes everything out of flight that is on a path which will not
// carry more. It is no sign of congestion.
func (l *Link) loseAll(p *flow) {
	if p.loss.InFlight == 0 {
		return
	}
	for s := range l.history.InFlightOn(&p.loss) {
		l.losePacket(s)
	}
	p.loss.LossAt = time.Time{}
}

// timeout does what is due when nothing was heard of a path's packets for too
// long. On the path in use what waits longest is sent again, beyond the window,
// so that an answer tells what became of the rest. On another nothing follows
// that could tell: all of it is sent again.
func (l *Link) timeout(p *flow) {
	if p != l.best() {
		l.loseAll(p)
		return
	}
	p.loss.Probe(l.now)
	l.checkSilence(p)
	l.probes = probePackets
	if p.loss.Small = p.MTU > path.MinMTU; p.loss.Small {
		l.probes++
	}
	left := probePackets
	for s := range l.history.InFlightOn(&p.loss) {
		l.resend(s)
		if left--; left == 0 {
			return
		}
	}
}

const probePackets = 2 // RFC 9002, section 6.2.4
