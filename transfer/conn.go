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
	bufferCount = 24 // chunks in memory on each side: 6 MiB
	headroom    = 64 // in front of a chunk, for its header
	readBuffer  = 64 << 10
	grace       = 250 * time.Millisecond // time to send the peer the reason before the stream is closed
	lastWords   = 5 * time.Second        // time to send the peer the last message; without it, the peer keeps a record
)

// errFinished is the cause when a session ends without failure.
var errFinished = errors.New("finished")

// A session is one side of a transfer: the stream and the goroutines that use it.
//
// It ends with the first failure, with finish, or with its context. The writing goroutine
// then sends the reason to the peer if it can, the stream is closed, and wait returns.
type session struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	leave  func() bool // stops watching the caller's context
	rw     io.ReadWriteCloser
	br     *bufio.Reader
	out    *queue[[]byte] // messages to the peer, except chunks
	bufs   chan []byte    // free buffers; nil: not allocated yet
	wg     sync.WaitGroup
	heard  atomic.Uint64 // messages received

	settled atomic.Bool   // this side is done: canceling its context no longer fails the transfer
	written chan struct{} // closed after the last write
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

// start runs f in a goroutine of the session. An error of f ends the session.
func (s *session) start(f func() error) {
	s.wg.Go(func() {
		if err := f(); err != nil {
			s.cancel(err)
		}
	})
}

// startWriter is start for the only goroutine that writes to the stream.
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

// linger gives the reader a moment to find out why writing failed.
func (s *session) linger() { pause(s.ctx, grace) }

// sayWhy writes the last messages: the reason for a failure, or what is still queued.
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

// abortFor returns the ABORT for a failure, or nil if the peer reported it or knows about it.
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

// callerEnded is the cause when the caller's context ends the session. It wraps the context's cause.
type callerEnded struct{ error }

func (e callerEnded) Unwrap() error { return e.error }

func cancelled(err error) bool {
	var e callerEnded
	return errors.As(err, &e) || errors.Is(err, context.Canceled)
}

// finish ends the session without failure, after queued messages are written.
func (s *session) finish() { s.cancel(errFinished) }

// wait waits until the session has ended and returns the failure, if any.
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

// send queues a message for the writer.
func (s *session) send(m message) { s.out.put(appendMessage(nil, m)) }

// buffer waits for a free buffer of headroom+chunkSize bytes. Return it with release.
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

// read reads the next message. For DATA it also returns a buffer that holds a chunk of n
// bytes at offset headroom.
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

// broken returns an error that says that the peer broke the protocol.
func broken(err error) error { return &Error{Kind: ErrProtocol, Reason: err.Error(), Err: err} }

func unexpected(what string, args ...any) error {
	return &Error{Kind: ErrProtocol, Reason: fmt.Sprintf(what, args...)}
}

// peerError returns the error for a failure that the peer reported.
func peerError(c code, reason string) error {
	e := &Error{Kind: c.kindOf(), Peer: true, Reason: reason}
	e.Resumable = e.Kind == ErrCanceled || e.Kind == ErrStorage || e.Kind == ErrIntegrity
	if e.Kind == nil && reason == "" {
		e.Reason = "failed"
	}
	return e
}
