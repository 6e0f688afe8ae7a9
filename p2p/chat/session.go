package chat

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"unicode/utf8"
)

// A Session is one side of a chat with one process of a peer. Its methods may be called from several
// goroutines. It has no goroutines of its own.
//
//	         Run              stream breaks
//	waiting -----> connected --------------> waiting
//	   |               |
//	   | Close         | Close, or BYE received
//	   v               v
//	 ended           ended: Done is closed, Receive still returns received lines
type Session struct {
	id        sessionID
	delivered func(id uint64)
	over      chan struct{} // closed when closed or left is set

	mu      sync.Mutex
	changed chan struct{} // closed and replaced when anything below changes

	// Lines to the other side.
	lastID  uint64
	pending []string // lines without a receipt; the last one has lastID
	unread  int      // bytes in pending

	// Lines from the other side.
	peer       sessionID
	queue      []received
	queueBytes int
	got        uint64 // id of the peer's last line in the queue
	read       uint64 // id of the peer's last line that Receive returned

	// The end.
	closed bool // by Close
	left   bool // BYE received, or our BYE can no longer be answered

	// Streams.
	attempt uint32
	conns   map[*conn]struct{} // one for each Run
	current *conn              // the conn that carries lines, or nil
}

// A received is a line in the queue.
type received struct {
	Message
	from sessionID
}

// New returns a session without a stream.
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

// Send queues a line for the other side and returns its id; ids count from 1. It does not wait until
// the line is sent or a stream exists, but it blocks while 256 lines or 1 MiB have no receipt. It
// replaces each run of bytes that are not UTF-8 with U+FFFD.
//
// It returns ErrTooLong, ErrClosed, ErrPeerLeft, or the context's error.
func (s *Session) Send(ctx context.Context, text string) (id uint64, err error) {
	text = strings.ToValidUTF8(text, string(utf8.RuneError))
	if len(text) > MaxText {
		return 0, ErrTooLong
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.waitLocked(ctx, func() bool {
		return s.endErrLocked() != nil || hasRoom(len(s.pending), s.unread, len(text))
	})
	if err != nil {
		return 0, err
	}
	if err := s.endErrLocked(); err != nil {
		return 0, err
	}
	s.lastID++
	s.pending = append(s.pending, text)
	s.unread += len(text)
	s.changedLocked()
	return s.lastID, nil
}

// Receive returns the next line from the other side and sends a receipt for it. After the chat has
// ended, it still returns the lines received before, and then ErrPeerLeft or ErrClosed. If the stream
// was cut, Receive waits for the next stream.
func (s *Session) Receive(ctx context.Context) (Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.waitLocked(ctx, func() bool { return len(s.queue) > 0 || s.endErrLocked() != nil })
	if err != nil {
		return Message{}, err
	}
	if len(s.queue) == 0 {
		return Message{}, s.endErrLocked()
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

// WaitDelivered waits until the other side's application has received all lines sent before the
// call. It returns ErrClosed or ErrPeerLeft if that will never happen, or the context's error.
func (s *Session) WaitDelivered(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.lastID
	delivered := func() bool { return s.ackedLocked() >= last }
	err := s.waitLocked(ctx, func() bool { return delivered() || s.endErrLocked() != nil })
	if err != nil || delivered() {
		return err
	}
	return s.endErrLocked()
}

// Close sends the remaining lines, says goodbye to the other side, and waits until it has answered
// and each Run has returned. It does not wait for receipts: call WaitDelivered first. Without a stream
// it returns at once. If the context ends first, Close closes the streams and returns the context's
// error. Calling it twice is fine.
func (s *Session) Close(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.endLocked()
	gone := func() bool { return len(s.conns) == 0 }
	err := s.waitLocked(ctx, gone)
	if err != nil {
		s.stopLocked(nil, ErrClosed)
		// The streams are closed, so each Run returns soon.
		s.waitLocked(context.WithoutCancel(ctx), gone)
	}
	return err
}

// Done is closed when the chat has ended: either side has said goodbye.
func (s *Session) Done() <-chan struct{} { return s.over }

// hasRoom reports whether a line of the given size may be sent in addition to lines without a
// receipt. It allows any line if there are none.
func hasRoom(lines, bytes, size int) bool {
	return lines == 0 || lines < maxLines && bytes+size <= maxBytes
}

// endErrLocked returns why the chat has ended, or nil.
func (s *Session) endErrLocked() error {
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

// ackedLocked returns the id of the last line with a receipt.
func (s *Session) ackedLocked() uint64 { return s.lastID - uint64(len(s.pending)) }

// changedLocked wakes all callers of waitLocked.
func (s *Session) changedLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// waitLocked waits until ready returns true. It calls ready with the mutex held, and releases the
// mutex while it waits.
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

// hasEnded reports whether either side has said goodbye.
func (s *Session) hasEnded() bool {
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
