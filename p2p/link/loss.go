package link

import (
	"time"

	"p2ptool/p2p/link/recovery"
	"p2ptool/p2p/link/wire"
	"p2ptool/p2p/path"
)

// OnAck handles an ACK.
func (l packetHandler) OnAck(a wire.Ack) error {
	if a.Ranges[0].End > l.sender.Counter() {
		return errAck
	}
	l.sampleRTT(a)
	for i := len(a.Ranges) - 1; i >= 0; i-- {
		s := a.Ranges[i]
		l.loss.history.SettleAll(s, l.ackPacket)
	}
	best := l.best()
	for _, q := range l.paths.All() {
		if p := flowOf(q); p.loss.TakeNews() {
			l.detectLost(p)
			if p == best && p.loss.Controller.RateFell() {
				l.loss.probes = probePackets
				l.streams.expedite(probePackets * p.room())
			}
			l.checkHole(p)
		}
	}
	l.loss.history.Forget(l.now)
	return nil
}

// sampleRTT takes a sample from the largest packet that an ACK names, to which alone the ACK's
// delay applies, if it is newly acknowledged and the ACK came by the path on which the packet
// was sent.
func (l *Link) sampleRTT(a wire.Ack) {
	p := l.loss.history.Lookup(a.Ranges[0].End - 1)
	if p != nil && p.Path == &l.packetIn.from.loss {
		p.Path.RTT.Sample(l.now.Sub(p.Time), a.Delay)
	}
}

// ackPacket handles the acknowledgement of one packet.
func (l *Link) ackPacket(p *recovery.Packet) {
	p.Path.Settle(l.now, p)
	l.loss.acks.Forget(p.AllBelow)
	for i := range int(p.Count) {
		f := p.Frame(i)
		if !f.Kind.OfStream() {
			continue
		}
		s := l.streams.known(f.Stream)
		if s == nil {
			continue
		}
		if f.Kind == recovery.Window && s == l.streams.raised {
			l.streams.raised = nil
		}
		if s.acked(f) {
			l.streams.drop(s)
		}
	}
	l.proveBy(p)
}

// proveBy counts the acknowledgement of a packet as an answer on its path.
func (l *Link) proveBy(p *recovery.Packet) {
	if at := l.pathOf(p.Path); at != nil { // else it has been dropped
		l.paths.Acked(l.now, at, p.Time, int(p.Size))
	}
}

// pathOf returns the path of a state of loss detection, nil if the path was dropped.
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

// detectLost declares the overdue packets of a path lost, and sets the time at which the next
// one is overdue.
func (l *Link) detectLost(p *flow) {
	p.loss.LossAt = time.Time{}
	for s := range l.loss.history.InFlightOn(&p.loss) {
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

// losePacket removes a packet from those in flight and queues what it carried to be sent again.
func (l *Link) losePacket(s *recovery.Packet) {
	if l.cfg.Trace != nil {
		l.traceLost(s)
	}
	s.Path.Lose(s)
	l.loss.lost++
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

// loseAll declares everything in flight on a path lost, because the path carries nothing any
// more. It is not a sign of congestion.
func (l *Link) loseAll(p *flow) {
	if p.loss.InFlight == 0 {
		return
	}
	for s := range l.loss.history.InFlightOn(&p.loss) {
		l.losePacket(s)
	}
	p.loss.LossAt = time.Time{}
}

// timeout handles a probe timeout of a path (RFC 9002, section 6.2). On the path in use the
// oldest packets are sent again, beyond the window, so that an ACK shows which of the rest
// arrived. On any other path no packet follows that an ACK could answer, so everything in flight
// is lost and sent again.
func (l *Link) timeout(p *flow) {
	if p != l.best() {
		l.loseAll(p)
		return
	}
	p.loss.Probe(l.now)
	l.checkSilence(p)
	l.loss.probes = probePackets
	if p.loss.Small = p.MTU > path.MinMTU; p.loss.Small {
		l.loss.probes++
	}
	left := probePackets
	for s := range l.loss.history.InFlightOn(&p.loss) {
		l.resend(s)
		if left--; left == 0 {
			return
		}
	}
}

const probePackets = 2 // RFC 9002, section 6.2.4
