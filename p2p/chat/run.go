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

// errDone ends a conn whose conversation came to its end.
var errDone = errors.New("done")

// A conn is one Run: a session on one stream.
type conn struct {
	s      *Session
	rw     io.ReadWriteCloser
	ctx    context.Context // ends with this Run; its cause tells why
	cancel context.CancelCauseFunc
	ours   open
	opened chan struct{} // closed once ours is written

	// Guarded by the session's mutex, once the conn is the session's current.
	rank     rank
	sent     uint64 // id of the last line written
	receipts uint64 // id in the last receipt written
	bye      bool   // goodbye is written, or being so
}

// Run serves the session on a stream until the conversation is over, the
// stream breaks, or the context ends. Before it returns it closes rw, which
// must make a blocked Read and Write of rw return, and waits for its
// goroutines.
//
// It returns nil when either side has said goodbye on this stream. Any other
// error than ErrClosed, ErrPeerLeft, ErrVersion and ErrProtocol leaves a session that can
// be run again with a new stream; after ErrReplaced another Run already does.
// Several Runs may go at once: see the package comment for the one that stands.
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

// begin makes the conn of a Run.
func (s *Session) begin(ctx context.Context, rw io.ReadWriteCloser) (*conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.overLocked(); err != nil {
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

// finish forgets a conn whose goroutines have ended, and tells how it ended.
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
	case ctx.Err() == nil && s.overLocked() == nil && len(s.conns) > 0:
		// The other side may have closed this stream for the sake of
		// another: to replace it would go round in circles.
		return ErrReplaced
	default:
		return err
	}
}

// stopLocked ends all Runs but that of one conn.
func (s *Session) stopLocked(but *conn, cause error) {
	for c := range s.conns {
		if c != but {
			c.cancel(cause)
		}
	}
}
