package link

import (
	"time"

	"p2ptool/p2p/link/wire"
)

// How long a lost packet is remembered, to notice that it was not lost: some
// round trips, within these bounds.
const (
	rememberTrips = 8
	rememberMin   = 100 * time.Millisecond
	rememberMax   = 3 * time.Second
)

// OnAck takes an ACK frame.
func (l packetHandler) OnAck(a wire.Ack) error {
	if a.Ranges[0].End > l.sender.Counter() {
		return errAck
	}
	h := &l.history
	l.sampleRTT(a)
	for i := len(a.Ranges) - 1; i >= 0; i-- {
		s := a.Ranges[i]
		for at := h.unsettled(h.find(s.Start)); at < h.next && h.at(at).number < s.End; at = h.unsettled(at) {
			l.ackPacket(h.at(at))
			h.settle(at)
		}
	}
	for _, p := range l.paths {
		if p.recovery.news {
			p.recovery.news = false
			l.detectLost(p)
			if p == l.chosen && p.cc.RateFell() {
				l.probes = probePackets
				l.streams.expedite(probePackets * p.room())
			}
			l.checkHole(p)
		}
	}
	l.trimHistory()
	return nil
}

// sampleRTT measures by the largest packet of an ACK, to which alone its delay
// applies, if it is news and the answer came by the path that it took.
func (l *Link) sampleRTT(a wire.Ack) {
	largest := a.Ranges[0].End - 1
	at := l.history.find(largest)
	if at == l.history.next {
		return
	}
	p := l.history.at(at)
	if p.number == largest && p.state != settled && p.path == l.from {
		p.path.rtt.Sample(l.now.Sub(p.Time), a.Delay)
	}
}

// ackPacket takes the acknowledgement of one packet.
func (l *Link) ackPacket(p *sentPacket) {
	at := p.path
	late := p.state == lost
	at.recovery.acked(p, late)
	at.hole.acked(p)
	if late {
		at.cc.SpuriousLoss(l.now, &p.Sent)
	} else {
		at.inFlight -= int(p.Size)
		at.cc.Acked(l.now, &p.Sent, at.inFlight, &at.rtt)
	}
	l.acks.forget(p.told)
	for i := range int(p.count) {
		f := p.frame(i)
		if !f.kind.ofStream() {
			continue
		}
		s := l.streams.known(f.stream)
		if s == nil {
			continue
		}
		if f.kind == sentWindow && s == l.raised {
			l.raised = nil
		}
		if s.acked(f) {
			l.streams.drop(s)
		}
	}
	l.proveBy(p)
}

// proveBy takes the arrival of a packet for an answer of its path, unless the
// packet was sent before that path died.
func (l *Link) proveBy(p *sentPacket) {
	at := p.path
	switch {
	case at.state == valid:
		at.prove(l.now)
	case at.state == dead && p.Time.After(at.died) && (!at.narrow || p.Size >= minMTU):
		l.revive(at)
	}
}

// detectLost declares the packets of a path lost that are overdue, and sets
// the time at which the next one will be.
func (l *Link) detectLost(p *path) {
	p.recovery.lossAt = time.Time{}
	for s := range l.inFlightOn(p) {
		at, ok := p.recovery.overdue(s, &p.rtt)
		if !ok {
			return
		}
		if at.After(l.now) {
			p.recovery.lossAt = at
			return
		}
		l.losePacket(s)
		p.hole.missed(s, p.carries())
		p.cc.Lost(l.now, &s.Sent)
		if p.recovery.stalled(s, &p.rtt) {
			p.cc.PersistentCongestion()
			p.rtt.ResetMin() // RFC 9002, section 5.2
		}
	}
}

// inFlightOn yields what is in flight on a path, oldest first.
func (l *Link) inFlightOn(p *path) func(yield func(*sentPacket) bool) {
	return func(yield func(*sentPacket) bool) {
		h := &l.history
		at := max(p.recovery.oldest, h.base)
		first := true
		for at = h.unsettled(at); at < h.next; at = h.unsettled(at + 1) {
			s := h.at(at)
			if s.path != p || s.state != inFlight {
				continue
			}
			if first {
				p.recovery.oldest = at
			}
			if !yield(s) {
				return
			}
			first = first && s.state != inFlight
		}
		if first {
			p.recovery.oldest = h.next
		}
	}
}

// losePacket takes a packet out of flight and makes what it carried due again.
func (l *Link) losePacket(s *sentPacket) {
	p := s.path
	p.inFlight -= int(s.Size)
	p.recovery.missed(s)
	s.state = lost
	l.lostPackets++
	l.resend(s)
}

func (l *Link) resend(s *sentPacket) {
	for i := range int(s.count) {
		switch f := s.frame(i); {
		case f.kind == sentCandidates:
			l.candidatesDue = true
		case f.kind == sentNAT, f.kind == sentPorts:
			l.announced.lose(f.kind)
		case f.kind.ofStream():
			if s := l.streams.known(f.stream); s != nil && s.lost(f) {
				l.streams.queue(s, f.kind != sentData)
			}
		}
	}
}

// loseAll takes everything out of flight that is on a path which will not
// carry more. It is no sign of congestion.
func (l *Link) loseAll(p *path) {
	if p.inFlight == 0 {
		return
	}
	for s := range l.inFlightOn(p) {
		l.losePacket(s)
	}
	p.recovery.lossAt = time.Time{}
}

// timeout does what is due when nothing was heard of a path's packets for too
// long. On the path in use what waits longest is sent again, beyond the window,
// so that an answer tells what became of the rest. On another nothing follows
// that could tell: all of it is sent again.
func (l *Link) timeout(p *path) {
	if p != l.chosen {
		l.loseAll(p)
		return
	}
	p.recovery.probes++
	p.recovery.lastSent = l.now
	l.checkSilence(p)
	l.probes = probePackets
	if p.recovery.small = p.mtu > minMTU; p.recovery.small {
		l.probes++
	}
	left := probePackets
	for s := range l.inFlightOn(p) {
		l.resend(s)
		if left--; left == 0 {
			return
		}
	}
}

const probePackets = 2 // RFC 9002, section 6.2.4

// trimHistory forgets the packets that nothing is to be learned of any more.
func (l *Link) trimHistory() {
	full := l.history.full()
	l.history.trim(func(p *sentPacket) bool {
		keep := min(max(rememberTrips*p.path.rtt.Estimate(), rememberMin), rememberMax)
		return full || l.now.Sub(p.Time) > keep
	})
}
