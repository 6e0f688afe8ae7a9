package link

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"p2ptool/p2p/link/stream"
)

const minSendBuf = 256 << 10 // bytes of a stream's send buffer, at least

// ErrStreamClosed says that the stream was closed at this end.
var ErrStreamClosed = errors.New("stream is closed")

// A ResetError says that the peer reset the stream.
type ResetError struct{ Code uint64 }

func (e ResetError) Error() string {
	return fmt.Sprintf("stream was reset by the peer, code %d", e.Code)
}

// A Stream is one reliable, ordered stream in each direction. One goroutine
// may read while another writes.
type Stream struct {
	link *Link
	id   uint64

	// Guarded by the mutex of the link's table of streams:
	priority  int
	inControl bool
	inData    bool

	// Of the loop alone:
	touched bool // a Read or Write may be able to continue

	mu       sync.Mutex
	readable sync.Cond
	writable sync.Cond
	in       stream.Inbound
	out      stream.Outbound
	held     int // bytes claimed from the link's memory
}

var _ io.ReadWriteCloser = (*Stream)(nil)

func newStream(l *Link, id uint64) *Stream {
	s := &Stream{link: l, id: id, in: stream.NewInbound(), out: stream.NewOutbound()}
	s.readable.L, s.writable.L = &s.mu, &s.mu
	return s
}

// announce queues the stream to be sent, and wakes the loop.
func (s *Stream) announce(control bool) {
	if s.link.streams.queue(s, control) {
		s.link.poke()
	}
}

// Read reads what has arrived, at least one byte unless there is an error:
// io.EOF if the peer has ended the stream, a ResetError if it has reset it,
// ErrStreamClosed after Close, else the error that ended the link.
func (s *Stream) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	s.mu.Lock()
	for !s.in.Ready() {
		s.readable.Wait()
	}
	n, err := s.in.Read(b)
	news := s.in.WindowDue || s.isFinished()
	s.mu.Unlock()
	if news {
		s.announce(true)
	}
	return n, err
}

// Write returns when all of b is buffered. That does not mean that it arrives: only a
// reply of the peer's application confirms that.
func (s *Stream) Write(b []byte) (int, error) {
	written := 0
	for len(b) > 0 {
		n, err := s.writeSome(b)
		written += n
		if err != nil {
			return written, err
		}
		b = b[n:]
		s.announce(false)
	}
	return written, nil
}

// writeSome waits until there is room for a piece of b, rather than for a byte: a writer
// is not to be woken for each packet that arrives.
func (s *Stream) writeSome(b []byte) (int, error) {
	b = b[:min(len(b), stream.MaxCopy)]
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.out.Failed() == nil && !s.hasRoom(len(b)) {
		s.writable.Wait()
	}
	if err := s.out.Failed(); err != nil {
		return 0, err
	}
	s.out.Write(b)
	return len(b), nil
}

func (s *Stream) hasRoom(n int) bool { return s.out.Room(s.link.published.sendBuffer.Load()) >= n }

// CloseWrite ends this end's direction of the stream: the peer reads io.EOF after all that
// was written. It does not wait. Calling it twice is fine.
func (s *Stream) CloseWrite() error {
	s.mu.Lock()
	s.out.Finish(ErrStreamClosed)
	s.mu.Unlock()
	s.writable.Broadcast()
	s.announce(false)
	return nil
}

// Close is CloseWrite, and also stops reading: the peer need not send any more. Pending
// calls of Read and Write return. What was written is still delivered while the link
// lives. Close does not wait for that. Calling it twice is fine.
func (s *Stream) Close() error {
	s.mu.Lock()
	s.in.Stop(ErrStreamClosed, 0)
	s.giveBack()
	s.mu.Unlock()
	s.readable.Broadcast()
	s.announce(true)
	return s.CloseWrite()
}

// Reset abandons the stream in both directions: the peer gets a ResetError with the code,
// and data that was not delivered never is.
func (s *Stream) Reset(code uint64) {
	s.mu.Lock()
	s.in.Stop(ErrStreamClosed, code)
	s.giveBack()
	s.out.Reset(code, ErrStreamClosed)
	s.mu.Unlock()
	s.readable.Broadcast()
	s.writable.Broadcast()
	s.announce(true)
}

// SetPriority sets the stream's priority: streams of the lowest number are sent first. It
// is 0 at first.
func (s *Stream) SetPriority(n int) { s.link.streams.setPriority(s, n) }

// unsettled reports whether written data is not yet acknowledged.
func (s *Stream) unsettled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Unsettled()
}

func (s *Stream) blocked() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Blocked()
}

// fail ends the stream with the link.
func (s *Stream) fail(err error) {
	s.mu.Lock()
	s.in.Fail(err)
	s.out.Fail(err)
	s.mu.Unlock()
	s.readable.Broadcast()
	s.writable.Broadcast()
}

// isFinished reports whether nothing is left to do in either direction.
func (s *Stream) isFinished() bool { return s.in.Finished() && s.out.Finished() }
