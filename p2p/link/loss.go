package link

import "time"

// onAck takes an ACK frame (frameHandler).
func (l *Link) onAck(a ackFrame) error {
	if a.ranges[0].end > l.history.next {
		return errAck
	}
	for i, s := range a.ranges {
		for n := max(s.start, l.history.base); n < s.end; n++ {
			if p := l.history.at(n); p.state != settled {
				l.ackPacket(p, a.delay, i == 0 && n == s.end-1)
			}
		}
	}
	for _, p := range l.paths {
		if p.inFlight > 0 {
			l.detectLost(p)
		}
	}
	l.history.trim(l.now.Add(-rememberLost))
	return nil
}

// ackPacket takes the acknowledgement of one packet. newest says that it is
// the largest of the frame, whose delay is known.
func (l *Link) ackPacket(p *sentPacket, delay time.Duration, newest bool) {
	at := p.path
	if newest && at == l.from {
		at.rtt.sample(l.now.Sub(p.time), delay)
	}
	late := p.state == lost
	at.recovery.acked(p, late)
	at.prove(l.now)
	if !late {
		at.inFlight -= p.size
		at.cc.acked(l.now, p.time, p.size, at.limited, &at.rtt)
	}
	p.state = settled
	for _, f := range p.frames {
		if f.stream != nil && f.stream.acked(f) {
			l.streams.drop(f.stream)
		}
	}
	if at.state == dead {
		l.revive(at)
	}
}

// detectLost declares the packets of a path lost that are overdue, and sets
// the time at which the next one will be.
func (l *Link) detectLost(p *path) {
	p.recovery.lossAt = time.Time{}
	for n := l.history.base; n < l.history.next; n++ {
		s := l.history.at(n)
		if s.path != p || s.state != inFlight {
			continue
		}
		at, ok := p.recovery.overdue(s, &p.rtt)
		if !ok {
			return
		}
		if at.After(l.now) {
			p.recovery.lossAt = at
			return
		}
		l.losePacket(s)
		p.cc.lost(l.now, s.time, s.size)
		l.watchStall(p, s)
	}
}

// watchStall notices persistent congestion (RFC 9002, section 7.6): nothing
// arrived of what was sent over three probe timeouts.
func (l *Link) watchStall(p *path, s *sentPacket) {
	r := &p.recovery
	if r.firstMiss.IsZero() {
		r.firstMiss = s.time
	}
	if p.rtt.sampled && s.time.Sub(r.firstMiss) > 3*p.rtt.probeTimeout() {
		p.cc.stalled()
		r.firstMiss = s.time
	}
}

// losePacket takes a packet out of flight and makes what it carried due again.
func (l *Link) losePacket(s *sentPacket) {
	s.path.inFlight -= s.size
	s.state = lost
	l.lostPackets++
	l.resend(s)
}

func (l *Link) resend(s *sentPacket) {
	for _, f := range s.frames {
		if f.kind == sentCandidates {
			l.candidatesDue = true
		}
		if f.stream != nil {
			f.stream.lose(f)
			l.streams.queue(f.stream)
		}
	}
}

// loseAll takes everything out of flight that is on a path that has died. It is
// no sign of congestion.
func (l *Link) loseAll(p *path) {
	for n := l.history.base; n < l.history.next; n++ {
		if s := l.history.at(n); s.path == p && s.state == inFlight {
			l.losePacket(s)
		}
	}
}

// probe sends again what waits longest on a path, after a timeout.
func (l *Link) probe(p *path) {
	p.recovery.probes++
	p.recovery.lastSent = l.now
	l.probes = 2
	left := l.probes
	for n := l.history.base; n < l.history.next && left > 0; n++ {
		if s := l.history.at(n); s.path == p && s.state == inFlight {
			l.resend(s)
			left--
		}
	}
}
