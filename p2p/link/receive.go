package link

import (
	"net/netip"

	"p2ptool/p2p/punch"
)

// receive handles the packets of one arrival.
func (l *Link) receive(a arrival) {
	l.from = l.findPath(a.route)
	a.batch.Datagrams(func(d []byte) {
		n, plain, err := l.receiver.Open(d)
		if err != nil || l.ended {
			return // a stranger's, a duplicate, or too late
		}
		if l.from == nil && !l.learnPath(a.route) {
			return
		}
		l.heard = l.now
		l.packet(n, plain)
	})
	l.heardAt.Store(l.heard.UnixNano())
}

// packet handles what a genuine packet carried.
func (l *Link) packet(n uint64, plain []byte) {
	eliciting, err := parseFrames(plain, l, &l.scratch)
	if err != nil {
		l.closeNow(CodeProtocol, err.Error())
		return
	}
	if eliciting {
		l.fed = l.now
	}
	if eliciting && l.from != l.chosen {
		l.follow(l.from)
	}
	l.acks.received(n, l.now, eliciting, l.ackDelay())
}

func (l *Link) onPing(id uint64) { l.pong(l.from, id) }

func (l *Link) onPong(id uint64, seen netip.AddrPort) {
	p := l.from
	took, ok := p.answered(id, l.now)
	if !ok {
		return
	}
	p.rtt.sample(took, 0)
	p.prove(l.now)
	if !p.relayed() && p.named && punch.Local(p.route.Addr.Addr()) && l.cfg.Own(seen.Addr()) {
		p.kind = punch.PathLAN
	}
	l.validate(p)
}

func (l *Link) onWindow(stream, limit uint64) error {
	s, err := l.streams.find(stream)
	if s == nil {
		return err
	}
	s.receiveWindow(limit)
	l.streams.queue(s)
	return nil
}

func (l *Link) onReset(stream, code uint64) error {
	s, err := l.streams.find(stream)
	if s == nil {
		return err
	}
	s.receiveReset(code)
	l.streams.queue(s)
	return nil
}

func (l *Link) onStop(stream, code uint64) error {
	s, err := l.streams.find(stream)
	if s == nil {
		return err
	}
	s.receiveStop(code)
	l.streams.queue(s)
	return nil
}

func (l *Link) onStream(f streamFrame) error {
	s, err := l.streams.find(f.id)
	if s == nil {
		return err
	}
	return s.receive(f)
}

func (l *Link) onCandidates(cs []punch.Candidate) { l.addCandidates(cs, l.now) }

func (l *Link) onDatagram(data []byte) {
	select {
	case l.datagrams <- append([]byte(nil), data...):
	default: // the application is not reading: unreliable, so dropped
	}
}

func (l *Link) onClose(code uint64, reason string) {
	if !l.closing.begun() {
		l.sendClose(CodeDone, "")
	}
	l.end(&CloseError{Remote: true, Code: code, Reason: reason})
}
