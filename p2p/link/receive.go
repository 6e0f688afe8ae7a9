package link

import (
	"net/netip"

	"p2ptool/p2p/link/stream"
	"p2ptool/p2p/link/wire"
)

// receive handles the packets of one arrival.
func (l *Link) receive(a arrival) {
	r := a.route.route()
	l.packetIn.from = flowOf(l.paths.Find(r))
	a.batch.Datagrams(func(d []byte) {
		if l.ending.ended {
			return
		}
		n, plain, err := l.receiver.Open(d)
		if err != nil {
			return // not of this session, a duplicate, or too old
		}
		if l.packetIn.from == nil {
			l.packetIn.from = flowOf(l.paths.Learn(l.now, r))
		}
		if l.packetIn.from == nil {
			return
		}
		l.paths.Heard(l.now)
		l.heard = l.now
		if l.cfg.Trace != nil {
			l.traceReceived(l.packetIn.from, n, len(d), plain)
		}
		l.packet(n, plain)
		l.sendProbes()
	})
	l.published.heardAt.Store(l.heard.UnixNano())
}

// packet handles the frames of a genuine packet. One that needs more memory than there is room
// for is not acknowledged, as if it had been lost.
func (l *Link) packet(n uint64, plain []byte) {
	l.packetIn.answer = false
	eliciting, err := wire.Parse(plain, packetHandler{l}, &l.packetIn.ranges)
	switch {
	case err == stream.ErrNoRoom:
		return
	case err != nil:
		l.closeNow(CodeProtocol, err.Error())
		return
	case l.ending.ended:
		return
	}
	if l.packetIn.answer {
		l.paths.Pinged(l.now, l.packetIn.from.Path, l.packetIn.pinged, len(plain))
	}
	if eliciting {
		l.paths.Data(l.now, l.packetIn.from.Path)
	}
	l.loss.acks.Received(n, l.now, eliciting, l.ackDelay())
}

// A packetHandler handles the frames of the packet that the link has just opened
// (wire.Handler). It keeps these methods out of what a Link offers.
type packetHandler struct{ *Link }

// OnPing notes a PING. Of several in one packet only the last is answered: an answer must not be
// longer than the packet.
func (l packetHandler) OnPing(id uint64) { l.packetIn.pinged, l.packetIn.answer = id, true }

// OnPong handles a PONG.
func (l packetHandler) OnPong(id uint64, seen netip.AddrPort) {
	l.paths.Ponged(l.now, l.packetIn.from.Path, id, seen)
}

func (l packetHandler) OnWindow(stream, limit uint64) error {
	s, err := l.streams.find(stream)
	if s != nil && s.receiveWindow(limit) {
		l.streams.queue(s, false)
	}
	return err
}

func (l packetHandler) OnReset(stream, code uint64) error {
	s, err := l.streams.find(stream)
	if s != nil {
		s.receiveReset(code)
		l.streams.queue(s, true) // it may be finished
	}
	return err
}

func (l packetHandler) OnStop(stream, code uint64) error {
	s, err := l.streams.find(stream)
	if s != nil {
		s.receiveStop(code)
		l.streams.queue(s, true)
	}
	return err
}

func (l packetHandler) OnStream(f wire.Stream) error {
	s, err := l.streams.find(f.ID)
	if s == nil {
		return err
	}
	finished, err := s.receive(f)
	if finished {
		l.streams.drop(s)
	}
	return err
}
