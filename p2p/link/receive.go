package link

import "net/netip"

// receive handles the packets of one arrival.
func (l *Link) receive(a arrival) {
	l.from = l.findPath(a.route)
	a.batch.Datagrams(func(d []byte) {
		if l.ended {
			return
		}
		n, plain, err := l.receiver.Open(d)
		if err != nil {
			return // a stranger's, a duplicate, or too late
		}
		if l.from == nil && (l.sprayDeaf(a.route) || l.fanDeaf(a.route) || !l.learnPath(a.route)) {
			return
		}
		if !l.met {
			l.met = true
			l.hasten()
		}
		l.heard = l.now
		l.packet(n, plain)
	})
	l.heardAt.Store(l.heard.UnixNano())
}

// packet handles what a genuine packet carried. One that asks for more than
// there is room for is not acknowledged, as if it had been lost.
func (l *Link) packet(n uint64, plain []byte) {
	l.answer = false
	eliciting, err := parseFrames(plain, l, &l.scratch)
	switch {
	case err == errNoRoom:
		return
	case err != nil:
		l.closeNow(CodeProtocol, err.Error())
		return
	case l.ended:
		return
	}
	if l.answer {
		l.pong(l.from, l.pinged, len(plain) >= l.from.floor())
	}
	if eliciting {
		l.fed = l.now
		if l.from != l.chosen {
			l.follow(l.from)
		}
	}
	l.acks.received(n, l.now, eliciting, l.ackDelay())
}

// onPing notes a PING. Of several in one packet only the last is answered: an
// answer must not be more than what it answers.
func (l *Link) onPing(id uint64) { l.pinged, l.answer = id, true }

func (l *Link) onPong(id uint64, seen netip.AddrPort) {
	p := l.from
	if l.mtuFound(p, id) {
		p.prove(l.now)
		return
	}
	took, full, ok := p.answered(id, l.now)
	if !ok {
		took, ok = l.sprayAnswered(p.route, id)
	}
	if !ok {
		return
	}
	p.rtt.sample(took, 0)
	p.refused = false
	if p.state != valid && !full {
		l.answersShort(p)
		return
	}
	p.prove(l.now)
	l.seenAs(p, seen.Addr())
	l.validate(p)
}

func (l *Link) onWindow(stream, limit uint64) error {
	s, err := l.streams.find(stream)
	if s != nil && s.receiveWindow(limit) {
		l.streams.queue(s, false)
	}
	return err
}

func (l *Link) onReset(stream, code uint64) error {
	s, err := l.streams.find(stream)
	if s != nil {
		s.receiveReset(code)
		l.streams.queue(s, true) // it may be finished
	}
	return err
}

func (l *Link) onStop(stream, code uint64) error {
	s, err := l.streams.find(stream)
	if s != nil {
		s.receiveStop(code)
		l.streams.queue(s, true)
	}
	return err
}

func (l *Link) onStream(f streamFrame) error {
	s, err := l.streams.find(f.id)
	if s == nil {
		return err
	}
	finished, err := s.receive(f)
	if finished {
		l.streams.drop(s)
	}
	return err
}
