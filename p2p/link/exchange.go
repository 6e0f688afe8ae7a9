package link

import (
	"time"

	"p2ptool/p2p/link/recovery"
	"p2ptool/p2p/link/stream"
	"p2ptool/p2p/link/wire"
)

// This file is the loop's side of a stream.

// due reports what the stream has to send, and whether it is finished.
func (s *Stream) due() (control, data, finished bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.in.WindowDue || s.in.StopDue || s.out.ResetDue, s.out.Pending(), s.isFinished()
}

// appendControl appends frames other than STREAM to b, at most room bytes, and records them
// in rec. full reports whether some are left for which there was no room.
func (s *Stream) appendControl(b []byte, room int, rec *recovery.Packet, now time.Time, spare *int) (out []byte, full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	end := len(b) + room
	size := wire.StreamControlSize(s.id)
	put := func(typ byte, kind recovery.FrameKind, v uint64) {
		b = wire.AppendStreamControl(b, typ, s.id, v)
		rec.Record(recovery.Frame{Kind: kind, Stream: s.id})
	}
	if s.in.WindowDue && end-len(b) >= size {
		put(wire.FrameWindow, recovery.Window, s.in.RaiseWindow(now, s.link.roundTrip(), spare))
		s.link.streams.raised = s
	}
	if s.in.StopDue && end-len(b) >= size {
		s.in.StopDue = false
		put(wire.FrameStop, recovery.Stop, s.in.StopCode)
	}
	if s.out.ResetDue && end-len(b) >= size {
		s.out.ResetDue = false
		put(wire.FrameReset, recovery.Reset, s.out.ResetCode)
	}
	return b, s.in.WindowDue || s.in.StopDue || s.out.ResetDue
}

// appendData appends STREAM frames.
func (s *Stream) appendData(b []byte, room int, rec *recovery.Packet) (out []byte, full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	end := len(b) + room
	for s.out.Pending() {
		n := end - len(b) - wire.StreamHeadSize(s.id, s.out.Sent(), room)
		if n < 1 || rec.Full() {
			return b, true
		}
		b = s.appendPiece(b, n, rec)
	}
	return b, false
}

func (s *Stream) appendPiece(b []byte, n int, rec *recovery.Packet) []byte {
	piece, fin := s.out.NextFrame(n)
	b = wire.AppendStreamHead(b, s.id, piece, fin)
	at := len(b)
	b = b[:at+int(piece.Len())]
	s.out.Copy(piece.Start, b[at:])
	rec.Record(recovery.Frame{Kind: recovery.Data, Fin: fin, Stream: s.id, Data: piece})
	return b
}

// touch notes that a Read or a Write may be able to continue. The loop wakes it after it has
// handled everything that arrived: waking it for each packet would cost more than the packet.
func (s *Stream) touch() {
	if !s.touched {
		s.touched = true
		s.link.turn.touched = append(s.link.turn.touched, s)
	}
}

// wake wakes a Read or a Write that can continue.
func (s *Stream) wake() {
	s.touched = false
	s.mu.Lock()
	readable, writable := s.in.Ready(), s.out.Failed() != nil || s.hasRoom(stream.MaxCopy)
	s.mu.Unlock()
	if readable {
		s.readable.Signal()
	}
	if writable {
		s.writable.Signal()
	}
}

// receive handles a STREAM frame and reports whether the stream is finished.
func (s *Stream) receive(f wire.Stream) (finished bool, err error) {
	s.touch()
	s.mu.Lock()
	if err = s.makeRoom(f); err == nil {
		err = s.in.Receive(f)
	}
	due := s.in.WindowDue
	finished = s.isFinished()
	s.mu.Unlock()
	if due {
		s.link.streams.queue(s, true)
	}
	return finished, err
}

// makeRoom claims the memory that a frame needs. The caller holds the mutex.
func (s *Stream) makeRoom(f wire.Stream) error {
	if need := s.in.Needs(f); need > 0 {
		if !s.link.memory.claim(need) {
			return stream.ErrNoRoom
		}
		s.held += need
	}
	return nil
}

// giveBack returns the memory of a buffer that was dropped. The caller holds the mutex.
func (s *Stream) giveBack() {
	if s.in.Held() == 0 && s.held > 0 {
		s.link.memory.give(s.held)
		s.held = 0
	}
}

// receiveReset handles a RESET: no more data arrives.
func (s *Stream) receiveReset(code uint64) {
	s.touch()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.in.Reset(ResetError{code})
	s.giveBack()
}

// receiveStop handles a STOP: the peer reads no more of the stream.
func (s *Stream) receiveStop(code uint64) {
	s.touch()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.Reset(code, ResetError{code})
}

// receiveWindow handles a WINDOW and reports whether more can be sent.
func (s *Stream) receiveWindow(limit uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.RaiseLimit(limit)
	return s.out.Pending()
}

// acked handles the acknowledgement of a frame and reports whether the stream is finished.
func (s *Stream) acked(f recovery.Frame) (finished bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch f.Kind {
	case recovery.Reset:
		s.out.ResetAcked()
	case recovery.Data:
		if s.out.Acked(f.Data, f.Fin) {
			s.touch()
		}
	}
	return s.isFinished()
}

// lost handles the loss of a frame and reports whether there is something to send again.
func (s *Stream) lost(f recovery.Frame) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch f.Kind {
	case recovery.Window:
		return s.in.WindowLost()
	case recovery.Stop:
		return s.in.StopLost()
	case recovery.Reset:
		return s.out.ResetLost()
	}
	return s.out.Lost(f.Data, f.Fin)
}
