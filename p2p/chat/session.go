package chat

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"unicode/utf8"
)

// A Session is one side of a conversation with one peer. Its methods may be
// called from several goroutines at once. It has no goroutines of its own.
//
//	         Run            stream breaks
//	waiting -----> talking --------------> waiting
//	   |              |
//	   | Close        | Close, or BYE received
//	   v              v
//	  over           over: Done is closed, lines received can still be taken
type Session struct {
	id        sessionID
	delivered func(id uint64)
	over      chan struct{} // closed by the first of closed and left

	mu      sync.Mutex
	changed chan struct{} // closed and made anew when anything below changes

	// Lines to the other side.
	lastID  uint64
	pending []string // without a receipt; the last has lastID
	unread  int      // bytes in pending

	// Lines from the other side.
	peer       sessionID
	queue      []received
	queueBytes int
	got        uint64 // id of peer's last line that went into the queue
	read       uint64 // id of peer's last line that was taken from it

	// The end.
	closed bool // here, by Close
	left   bool // there: BYE came, or our own can have no answer any more

	// Streams.
	attempt uint32
	conns   map[*conn]struct{} // one for each Run
	current *conn              // the one that carries lines, or nil
}

// received is a line in the queue.
type received struct {
	Message
	from sessionID
}

// New makes a session that has not met the other side yet.
func New(o Options) *Session {
	s := &Session{
		delivered: o.Delivered,
		over:      make(chan struct{}),
		changed:   make(chan struct{}),
		conns:     make(map[*conn]struct{}),
	}
	rand.Read(s.id[:])
	if s.delivered == nil {
		s.delivered = func(uint64) {}
	}
	return s
}

// Send takes a line for the other side and returns its id; ids count from 1
// upwards. It does not wait for the line to be sent, nor for a stream, but it
// blocks while 256 lines or 1 MiB are without a receipt. Each run of bytes
// that are not UTF-8 is replaced by U+FFFD.
//
// The error is ErrTooLong, ErrClosed, ErrPeerLeft, or the context's.
func (s *Session) Send(ctx context.Context, text string) (id uint64, err error) {
	text = strings.ToValidUTF8(text, string(utf8.RuneError))
	if len(text) > MaxText {
		return 0, ErrTooLong
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.waitLocked(ctx, func() bool {
		return s.overLocked() != nil || hasRoom(len(s.pending), s.unread, len(text))
	})
	if err != nil {
		return 0, err
	}
	if err := s.overLocked(); err != nil {
		return 0, err
	}
	s.lastID++
	s.pending = append(s.pending, text)
	s.unread += len(text)
	s.changedLocked()
	return s.lastID, nil
}

// Receive returns the next line of the other side, which tells that side that
// the line was delivered. Lines that came before the end are given still;
// behind them the error is ErrPeerLeft or ErrClosed. Where a stream was cut,
// Receive waits for the next.
func (s *Session) Receive(ctx context.Context) (Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.waitLocked(ctx, func() bool { return len(s.queue) > 0 || s.overLocked() != nil })
	if err != nil {
		return Message{}, err
	}
	if len(s.queue) == 0 {
		return Message{}, s.overLocked()
	}
	m := s.queue[0]
	s.queue[0] = received{}
	s.queue = s.queue[1:]
	s.queueBytes -= len(m.Text)
	if m.from == s.peer {
		s.read = m.ID
	}
	s.changedLocked()
	return m.Message, nil
}

// WaitDelivered waits until the other side's application has taken all lines
// that were sent before the call. The error is ErrClosed or ErrPeerLeft where
// some never will be, or the context's.
func (s *Session) WaitDelivered(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.lastID
	delivered := func() bool { return s.ackedLocked() >= last }
	err := s.waitLocked(ctx, func() bool { return delivered() || s.overLocked() != nil })
	if err != nil || delivered() {
		return err
	}
	return s.overLocked()
}

// Close says goodbye to the other side, behind the lines that were sent, and
// waits until it has heard it and each Run has returned. It does not wait for
// receipts: WaitDelivered before it does. Without a stream it returns at once.
// When the context ends first, streams are closed as they are, and the error is
// the context's. Twice is fine.
func (s *Session) Close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.endLocked()
	gone := func() bool { return len(s.conns) == 0 }
	err := s.waitLocked(ctx, gone)
	if err != nil {
		s.stopLocked(nil, ErrClosed)
		// Their streams are closed: they end without the context's help.
		s.waitLocked(context.WithoutCancel(ctx), gone)
	}
	return err
}

// Done is closed when the conversation is over: either side said goodbye.
func (s *Session) Done() <-chan struct{} { return s.over }

// hasRoom reports whether size more bytes of text may go without a receipt.
// One line always may.
func hasRoom(lines, bytes, size int) bool {
	return lines == 0 || lines < maxLines && bytes+size <= maxBytes
}

// overLocked tells why the conversation is over, or nil.
func (s *Session) overLocked() error {
	switch {
	case s.closed:
		return ErrClosed
	case s.left:
		return ErrPeerLeft
	}
	return nil
}

// endLocked closes Done, once.
func (s *Session) endLocked() {
	select {
	case <-s.over:
	default:
		close(s.over)
	}
	s.changedLocked()
}

// ackedLocked is the id of the last line with a receipt.
func (s *Session) ackedLocked() uint64 { return s.lastID - uint64(len(s.pending)) }

// changedLocked wakes everyone in waitLocked.
func (s *Session) changedLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// waitLocked gives the mutex away until ready, called with it held, is true.
func (s *Session) waitLocked(ctx context.Context, ready func() bool) error {
	for !ready() {
		if err := ctx.Err(); err != nil {
			return err
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		s.mu.Lock()
	}
	return nil
}

// hasStream reports whether a Run serves the session.
func (s *Session) hasStream() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns) > 0
}

// isOver reports whether either side said goodbye.
func (s *Session) isOver() bool {
	select {
	case <-s.over:
		return true
	default:
		return false
	}
}

// peerLeft reports whether the other side has said goodbye.
func (s *Session) peerLeft() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.left
}
