package chat

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"sync"
)

// errDone ends a conn after the chat has ended normally.
var errDone = errors.New("done")

// A conn is one Run: a session on one stream.
type conn struct {
	s      *Session
	rw     io.ReadWriteCloser
	ctx    context.Context // ends with this Run; its cause is the reason
	cancel context.CancelCauseFunc
	ours   open          // the OPEN that this side sends
	opened chan struct{} // closed when ours is written

	// Guarded by the session's mutex.
	rank     rank
	sent     uint64 // id of the last line written
	receipts uint64 // id in the last receipt written
	bye      bool   // BYE is written or being written
}

// Run serves the session on a stream until the chat ends, the stream breaks, or the context ends.
// Before it returns it closes rw, which must unblock Read and Write, and waits for its goroutines.
//
// It returns nil when either side has said goodbye on this stream. After ErrClosed, ErrPeerLeft,
// ErrVersion and ErrProtocol, the session cannot continue. After ErrReplaced, another Run already
// serves it. After any other error, call Run with a new stream. Several Runs may be active at the
// same time: the package comment says which of their streams is used.
func (s *Session) Run(ctx context.Context, rw io.ReadWriteCloser) error {
	c, err := s.begin(ctx, rw)
	if err != nil {
		rw.Close()
		return err
	}
	var closer, writer sync.WaitGroup
	closer.Go(func() {
		<-c.ctx.Done()
		rw.Close()
	})
	writer.Go(func() {
		if err := c.write(); err != nil {
			c.cancel(err)
		}
	})
	if err := c.receive(); err != nil {
		c.cancel(err)
	}
	writer.Wait()
	c.cancel(errDone)
	closer.Wait()
	return s.finish(ctx, c)
}

// begin returns the conn of a Run.
func (s *Session) begin(ctx context.Context, rw io.ReadWriteCloser) (*conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.endErrLocked(); err != nil {
		return nil, err
	}
	if s.attempt < math.MaxUint32 {
		s.attempt++
	}
	var random [8]byte
	rand.Read(random[:])
	c := &conn{s: s, rw: rw, opened: make(chan struct{}), ours: open{
		version: version,
		session: s.id,
		peer:    s.peer,
		read:    s.read,
		attempt: s.attempt,
		random:  binary.BigEndian.Uint64(random[:]),
	}}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	s.conns[c] = struct{}{}
	return c, nil
}

// finish removes a conn whose goroutines have ended, and returns Run's error.
func (s *Session) finish(ctx context.Context, c *conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if s.current == c {
		s.current = nil
	}
	s.changedLocked()
	switch err := context.Cause(c.ctx); {
	case err == errDone:
		return nil
	case ctx.Err() == nil && s.endErrLocked() == nil && len(s.conns) > 0:
		// The other side may have closed this stream because it uses another one.
		// If we opened a new one, the two sides might replace streams forever.
		return ErrReplaced
	default:
		return err
	}
}

// stopLocked ends all Runs except the one of the conn but.
func (s *Session) stopLocked(but *conn, cause error) {
	for c := range s.conns {
		if c != but {
			c.cancel(cause)
		}
	}
}
