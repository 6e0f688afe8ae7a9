package transfer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	bufferCount = 24 // chunks in memory on either side: 6 MiB
	headroom    = 64 // in front of a chunk, for its header
	readBuffer  = 64 << 10
	grace       = 250 * time.Millisecond // to tell the peer why, before the stream is closed
	lastWords   = 5 * time.Second        // to tell the peer that all is well: else it keeps a record
)

// errFinished is the cause of a session's end that is no failure.
var errFinished = errors.New("finished")

// A session is one side of a transfer: the stream, and the goroutines about it.
//
// It ends by the first failure, by finish, or by its context. The goroutine of send
// then says why to the peer if it can, the stream is closed, and wait returns.
type session struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	leave  func() bool // no longer end with the caller's context
	rw     io.ReadWriteCloser
	br     *bufio.Reader
	out    *queue[[]byte] // messages to the peer, but chunks
	bufs   chan []byte    // free buffers; nil: one not made yet
	wg     sync.WaitGroup
	heard  atomic.Uint64 // messages that came

	settled atomic.Bool   // all is decided on this side: a context that ends now ends no transfer
	written chan struct{} // closed when nothing more is written
	closed  chan struct{} // closed when the stream is
}

func newSession(ctx context.Context, rw io.ReadWriteCloser) *session {
	s := &session{rw: rw, br: bufio.NewReaderSize(rw, readBuffer), out: newQueue[[]byte](),
		bufs: make(chan []byte, bufferCount), written: make(chan struct{}), closed: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	s.leave = context.AfterFunc(ctx, func() { s.cancel(callerEnded{context.Cause(ctx)}) })
	for range bufferCount {
		s.bufs <- nil
	}
	go s.closeAtEnd()
	return s
}

// start runs f until the session's end, which its error brings about.
func (s *session) start(f func() error) {
	s.wg.Go(func() {
		if err := f(); err != nil {
			s.cancel(err)
		}
	})
}

// startWriter is start for the one goroutine that writes.
func (s *session) startWriter(f func() error) {
	s.start(func() error {
		defer close(s.written)
		err := f()
		if err != nil && s.ctx.Err() == nil {
			s.linger()
		}
		s.sayWhy(err)
		return err
	})
}

// linger gives the reader a moment to find out why nothing more can be written.
func (s *session) linger() { pause(s.ctx, grace) }

// sayWhy writes what is left to say at the end.
func (s *session) sayWhy(writing error) {
	cause := context.Cause(s.ctx)
	if cause == nil || isInterrupted(writing) {
		return
	}
	if cause != errFinished && !(cancelled(cause) && s.settled.Load()) {
		if m := abortFor(cause); m != nil {
			s.rw.Write(appendMessage(nil, m)) // the peer may be gone
		}
		return
	}
	for b, ok := s.out.try(); ok; b, ok = s.out.try() {
		if _, err := s.rw.Write(b); err != nil {
			return
		}
	}
}

// abortFor returns what to tell the peer about a failure; nil where it said or knows so.
func abortFor(err error) message {
	var e *Error
	if errors.As(err, &e) && (e.Peer || e.Kind == ErrInterrupted) {
		return nil
	}
	if cancelled(err) {
		return &abortMsg{code: codeCanceled, reason: "cancelled"}
	}
	return &abortMsg{code: codeFor(err), version: version, reason: reasonFor(err)}
}

func (s *session) closeAtEnd() {
	defer close(s.closed)
	<-s.ctx.Done()
	patience := grace
	if context.Cause(s.ctx) == errFinished {
		patience = lastWords
	}
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-s.written:
	case <-t.C:
	}
	s.rw.Close()
}

// callerEnded is the end of a session by the caller's context, whatever cause that has.
type callerEnded struct{ error }

func (e callerEnded) Unwrap() error { return e.error }

func cancelled(err error) bool {
	var e callerEnded
	return errors.As(err, &e) || errors.Is(err, context.Canceled)
}

// finish ends the session without failure, once what was sent is written.
func (s *session) finish() { s.cancel(errFinished) }

// wait waits for the end and returns the failure, if it was one.
func (s *session) wait() error {
	s.wg.Wait()
	<-s.closed
	s.leave()
	err := context.Cause(s.ctx)
	if err == errFinished || cancelled(err) && s.settled.Load() {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	if cancelled(err) {
		return &Error{Reason: "cancelled", Resumable: true, Err: err}
	}
	e = &Error{Kind: codeFor(err).kindOf(), Reason: err.Error(), Err: err}
	e.Resumable = e.Kind == ErrStorage
	return e
}

// send puts a message in line for the writer.
func (s *session) send(m message) { s.out.put(appendMessage(nil, m)) }

// buffer waits for a free buffer of headroom+chunkSize bytes; release gives it back.
func (s *session) buffer() ([]byte, error) {
	select {
	case b := <-s.bufs:
		if b == nil {
			b = make([]byte, headroom+chunkSize)
		}
		return b, nil
	case <-s.ctx.Done():
		return nil, s.ctx.Err()
	}
}

func (s *session) release(b []byte) { s.bufs <- b }

// read reads the next message. With DATA comes a buffer, in which the chunk of the length n
// begins at headroom.
func (s *session) read() (m message, buf []byte, n int, err error) {
	var h [frameHeader]byte
	if _, err := io.ReadFull(s.br, h[:]); err != nil {
		return nil, nil, 0, interrupted(err)
	}
	s.heard.Add(1)
	kind, length, err := parseHeader(h[:])
	if err != nil {
		return nil, nil, 0, broken(err)
	}
	if kind == typeData {
		n, length = length-dataHeader, dataHeader
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(s.br, body); err != nil {
		return nil, nil, 0, interrupted(err)
	}
	if m, err = parseMessage(kind, body); err != nil {
		return nil, nil, 0, broken(err)
	}
	if kind == typeData {
		buf, err = s.readChunk(n)
	}
	if a, ok := m.(*abortMsg); ok && a.code == codeVersion {
		return nil, nil, 0, otherVersion(a.version, true)
	} else if ok {
		return nil, nil, 0, peerError(a.code, a.reason)
	}
	return m, buf, n, err
}

func (s *session) readChunk(n int) ([]byte, error) {
	buf, err := s.buffer()
	if err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(s.br, buf[headroom:headroom+n]); err != nil {
		s.release(buf)
		return nil, interrupted(err)
	}
	return buf, nil
}

func interrupted(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return &Error{Kind: ErrInterrupted, Resumable: true, Err: err}
}

func isInterrupted(err error) bool { return errors.Is(err, ErrInterrupted) }

// broken says that the peer broke the protocol.
func broken(err error) error { return &Error{Kind: ErrProtocol, Reason: err.Error(), Err: err} }

func unexpected(what string, args ...any) error {
	return &Error{Kind: ErrProtocol, Reason: fmt.Sprintf(what, args...)}
}

// peerError is what the peer said that failed.
func peerError(c code, reason string) error {
	e := &Error{Kind: c.kindOf(), Peer: true, Reason: reason}
	e.Resumable = e.Kind == ErrCanceled || e.Kind == ErrStorage || e.Kind == ErrIntegrity
	if e.Kind == nil && reason == "" {
		e.Reason = "failed"
	}
	return e
}
