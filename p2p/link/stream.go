package link

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	firstWindow = 64 << 10 // bytes that a new stream may send, docs/protocol.md
	maxStream   = 16 << 20 // the most a stream's window or buffer grows to
)

// ErrStreamClosed says that the stream was closed on our side.
var ErrStreamClosed = errors.New("stream is closed")

// A ResetError says that the other side gave the stream up.
type ResetError struct{ Code uint64 }

func (e ResetError) Error() string {
	return fmt.Sprintf("stream was reset by the peer, code %d", e.Code)
}

// A Stream is one reliable, ordered stream in each direction. One goroutine
// may read while another writes.
type Stream struct {
	link *Link
	id   uint64

	// Of the link's table of streams, under its mutex:
	priority int
	queued   bool

	mu       sync.Mutex
	readable sync.Cond
	writable sync.Cond
	in       inbound
	out      outbound
}

func newStream(l *Link, id uint64) *Stream {
	s := &Stream{link: l, id: id}
	s.readable.L, s.writable.L = &s.mu, &s.mu
	s.in.limit, s.in.window = firstWindow, firstWindow
	s.out.limit = firstWindow
	return s
}

// Read reads what has arrived, at least one byte unless there is an error:
// io.EOF where the other side has ended the stream, a ResetError where it gave
// it up, ErrStreamClosed after Close, the link's end otherwise.
func (s *Stream) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	s.mu.Lock()
	for !s.in.ready() {
		s.readable.Wait()
	}
	n, err := s.in.read(b)
	news := s.in.windowDue || s.isFinished()
	s.mu.Unlock()
	if news {
		s.link.streams.queue(s)
		s.link.poke()
	}
	return n, err
}

// Write buffers b and returns when all of it is buffered. That is not yet a
// promise: only the other side's word can be one.
func (s *Stream) Write(b []byte) (int, error) {
	written := 0
	for len(b) > 0 {
		n, err := s.writeSome(b)
		written += n
		if err != nil {
			return written, err
		}
		b = b[n:]
		s.link.streams.queue(s)
		s.link.poke()
	}
	return written, nil
}

func (s *Stream) writeSome(b []byte) (int, error) {
	limit := s.link.sendBuffer.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.out.err == nil && s.out.room(limit) == 0 {
		s.writable.Wait()
		limit = s.link.sendBuffer.Load()
	}
	if s.out.err != nil {
		return 0, s.out.err
	}
	n := min(len(b), s.out.room(limit))
	s.out.write(b[:n])
	return n, nil
}

// CloseWrite ends our side of the stream: the other side reads io.EOF after
// all that was written. It does not wait. Twice is fine.
func (s *Stream) CloseWrite() error {
	s.mu.Lock()
	s.out.finish(ErrStreamClosed)
	s.mu.Unlock()
	s.writable.Broadcast()
	s.link.streams.queue(s)
	s.link.poke()
	return nil
}

// Close is CloseWrite, and tells the other side that nothing more is read. A
// Read or Write under way returns. What was written is still delivered, as
// long as the link lives. Twice is fine.
func (s *Stream) Close() error {
	s.mu.Lock()
	s.in.stop(ErrStreamClosed, 0)
	s.mu.Unlock()
	s.readable.Broadcast()
	return s.CloseWrite()
}

// Reset gives the stream up in both directions: the other side gets a
// ResetError with the code, and what was not delivered never is.
func (s *Stream) Reset(code uint64) {
	s.mu.Lock()
	s.in.stop(ErrStreamClosed, code)
	s.out.reset(code, ErrStreamClosed)
	s.mu.Unlock()
	s.readable.Broadcast()
	s.writable.Broadcast()
	s.link.streams.queue(s)
	s.link.poke()
}

// SetPriority says which streams go first: those of the lowest number. It is
// 0 at first.
func (s *Stream) SetPriority(n int) { s.link.streams.setPriority(s, n) }

// fail ends the stream with the link.
func (s *Stream) fail(err error) {
	s.mu.Lock()
	s.in.fail(err)
	s.out.fail(err)
	s.mu.Unlock()
	s.readable.Broadcast()
	s.writable.Broadcast()
}

// isFinished reports whether nothing is left to do in either direction.
func (s *Stream) isFinished() bool { return s.in.finished() && s.out.finished() }

// state reports whether there is something to send now, and whether nothing is
// left to do in either direction.
func (s *Stream) state() (pending, finished bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.in.windowDue || s.in.stopDue || s.out.resetDue || s.out.pending(), s.isFinished()
}

// append appends frames of at most room bytes to b and notes them in rec. full
// says that there would be more, were there room.
func (s *Stream) append(b []byte, room int, rec *sentPacket, now time.Time) (out []byte, full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	end := len(b) + room
	control := 1 + sizeVarint(s.id) + 8
	put := func(due *bool, typ byte, kind frameKind, v uint64) {
		if *due && end-len(b) >= control {
			b = appendStreamControl(b, typ, s.id, v)
			rec.record(sentFrame{kind: kind, stream: s})
			*due = false
		}
		full = full || *due
	}
	if s.in.windowDue && end-len(b) >= control {
		limit := s.in.raise(now, s.link.roundTrip(), s.in.window < maxStream)
		s.in.windowDue = true
		put(&s.in.windowDue, frameWindow, sentWindow, limit)
	}
	put(&s.in.stopDue, frameStop, sentStop, s.in.stopCode)
	put(&s.out.resetDue, frameReset, sentReset, s.out.code)
	for s.out.pending() {
		n := end - len(b) - streamHead(s.id, s.out.next, room)
		if n < 1 {
			return b, true
		}
		b = s.appendData(b, n, rec)
	}
	return b, full
}

// streamHead is the most that stands before a STREAM frame's data.
func streamHead(id, offset uint64, room int) int {
	return 1 + sizeVarint(id) + sizeVarint(offset) + sizeVarint(uint64(room))
}

func (s *Stream) appendData(b []byte, n int, rec *sentPacket) []byte {
	piece, fin := s.out.take(n)
	typ := byte(frameStream | streamLen)
	if fin {
		typ |= streamFin
	}
	b = appendVarint(appendVarint(append(b, typ), s.id), piece.start)
	b = appendVarint(b, piece.len())
	at := len(b)
	b = b[:at+int(piece.len())]
	s.out.ring.read(piece.start, b[at:])
	rec.record(sentFrame{kind: sentData, fin: fin, stream: s, data: piece})
	return b
}

// receive takes a STREAM frame.
func (s *Stream) receive(f streamFrame) error {
	s.mu.Lock()
	err := s.in.receive(f)
	wake := s.in.ready()
	s.mu.Unlock()
	if wake {
		s.readable.Signal()
	}
	return err
}

func (s *Stream) receiveReset(code uint64) {
	s.mu.Lock()
	s.in.reset(ResetError{code})
	s.mu.Unlock()
	s.readable.Broadcast()
}

// receiveStop takes a STOP: nothing more of the stream is worth sending.
func (s *Stream) receiveStop(code uint64) {
	s.mu.Lock()
	s.out.reset(code, ResetError{code})
	s.mu.Unlock()
	s.writable.Broadcast()
}

func (s *Stream) receiveWindow(limit uint64) {
	s.mu.Lock()
	s.out.limit = max(s.out.limit, limit)
	s.mu.Unlock()
}

// acked takes the acknowledgement of a frame that was sent and reports whether
// the stream is finished.
func (s *Stream) acked(f sentFrame) bool {
	s.mu.Lock()
	wake, finished := s.out.acked(f), s.isFinished()
	s.mu.Unlock()
	if wake {
		s.writable.Signal()
	}
	return finished
}

// lose takes the loss of a frame that was sent: it is due again.
func (s *Stream) lose(f sentFrame) {
	s.mu.Lock()
	if f.kind == sentWindow || f.kind == sentStop {
		s.in.lose(f)
	} else {
		s.out.lose(f)
	}
	s.mu.Unlock()
}

var errFlow = errors.New("peer sent more than it may")
var errFinal = errors.New("peer changed where a stream ends")
var _ io.ReadWriteCloser = (*Stream)(nil)
