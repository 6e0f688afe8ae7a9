package bench

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"io"
	"sync"
	"time"

	"p2ptool/transfer"
)

// A Host serves the peers that measure, one at a time. The zero value is ready.
type Host struct {
	mu      sync.Mutex
	session *hostSession // nil: none
}

// A hostSession is the session of one peer.
type hostSession struct {
	peer    string
	token   token
	scratch *transfer.Scratch
	pace    Pace
	turn    chan struct{} // holds a token during a measurement
}

// A Client is the peer that measures.
type Client struct {
	Peer string // identifies the peer
	Dir  string // the folder whose disk is measured
	Pace Pace   // of that disk

	// Consent decides whether the peer may measure, and may take its time. The peer receives the
	// text of its error as the reason of the refusal.
	Consent func(context.Context) error
}

// Serve handles one stream of a client. It returns when the stream's measurement or session has ended,
// and closes the stream. The error of a refusal matches ErrRefused.
func (h *Host) Serve(ctx context.Context, g Client, rw io.ReadWriteCloser) error {
	defer rw.Close()
	ctx, cancel := context.WithTimeout(ctx, maxSession)
	defer cancel()
	defer closeAtEnd(ctx, rw)()
	r, err := readRequest(rw)
	if errors.Is(err, ErrVersion) {
		return errors.Join(err, writeAnswer(rw, codeVersion, "", version))
	}
	if err != nil {
		return errors.Join(err, writeAnswer(rw, codeFailed, err.Error()))
	}
	if r.what == session {
		return h.serveSession(ctx, g, rw)
	}
	ctx, cancel = context.WithTimeout(ctx, r.lasts+grace)
	defer cancel()
	defer closeAtEnd(ctx, rw)()
	v := h.find(g.Peer, r.token)
	if v == nil || !v.begin(ctx) {
		return errors.Join(ErrBusy, writeAnswer(rw, codeBusy, ""))
	}
	defer v.end()
	return v.measure(ctx, r, rw)
}

// readRequest reads the request of a stream. Of a request with another version it reads only the
// first byte.
func readRequest(r io.Reader) (request, error) {
	b := make([]byte, requestLen)
	if _, err := io.ReadFull(r, b[:1]); err != nil {
		return request{}, ended(err)
	}
	if b[0] != version {
		return parseRequest(b)
	}
	if _, err := io.ReadFull(r, b[1:]); err != nil {
		return request{}, ended(err)
	}
	return parseRequest(b)
}

// closeAtEnd closes rw when the context ends. The returned function cancels that.
func closeAtEnd(ctx context.Context, rw io.Closer) func() bool {
	return context.AfterFunc(ctx, func() { rw.Close() })
}

// serveSession serves a session until the client ends the stream.
func (h *Host) serveSession(ctx context.Context, g Client, rw io.ReadWriteCloser) error {
	v := &hostSession{peer: g.Peer, pace: g.Pace, turn: make(chan struct{}, 1)}
	if !h.enter(v) {
		return errors.Join(ErrBusy, writeAnswer(rw, codeBusy, ""))
	}
	defer h.leave(v)
	if err := g.Consent(ctx); err != nil {
		return errors.Join(refused{err}, writeAnswer(rw, codeRefused, err.Error()))
	}
	s, err := transfer.NewScratch(g.Dir, maxScratch)
	if err != nil {
		return errors.Join(err, writeAnswer(rw, codeFailed, err.Error()))
	}
	h.mu.Lock()
	v.scratch = s
	rand.Read(v.token[:])
	h.mu.Unlock()
	if err := writeAnswer(rw, codeYes, "", v.token[:]...); err != nil {
		return err
	}
	rw.Read(make([]byte, 1)) // returns at the end of the stream
	return nil
}

// refused is ErrRefused with a reason.
type refused struct{ error }

func (r refused) Unwrap() []error { return []error{ErrRefused, r.error} }

// enter makes v the session, unless there is one.
func (h *Host) enter(v *hostSession) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.session != nil {
		return false
	}
	h.session = v
	return true
}

// leave ends the session after the current measurement.
func (h *Host) leave(v *hostSession) {
	v.turn <- struct{}{} // no other measurement can begin
	if v.scratch != nil {
		v.scratch.Close()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.session = nil
}

func (h *Host) find(peer string, t token) *hostSession {
	h.mu.Lock()
	defer h.mu.Unlock()
	v := h.session
	if v == nil || v.scratch == nil || v.peer != peer || subtle.ConstantTimeCompare(v.token[:], t[:]) == 0 {
		return nil
	}
	return v
}

// begin waits for the end of the previous measurement, which may still be syncing.
func (v *hostSession) begin(ctx context.Context) bool {
	select {
	case v.turn <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (v *hostSession) end() { <-v.turn }

// measure runs the requested measurement.
func (v *hostSession) measure(ctx context.Context, r request, rw io.ReadWriteCloser) error {
	if err := writeAnswer(rw, codeYes, ""); err != nil {
		return err
	}
	switch r.what {
	case up:
		rate, err := receiveBlocks(rw, r.lasts)
		if err != nil {
			return err
		}
		return writeAnswer(rw, codeYes, "", appendRate(nil, rate)...)
	case down:
		return sendBlocks(rw, r.lasts)
	case disk:
		d, err := measureDisk(v.scratch, r.lasts, v.pace)
		if err != nil {
			return errors.Join(err, writeAnswer(rw, codeFailed, err.Error()))
		}
		return writeAnswer(rw, codeYes, "", appendRate(appendRate(nil, d.write), d.read)...)
	case send:
		_, err := receiveFile(ctx, rw, v.scratch, r.lasts)
		return err
	}
	_, err := sendFile(ctx, rw, v.scratch, r.lasts)
	return err
}

// receiveFile receives the file of sendFile onto the disk, and returns the rate at which it was
// written and synced.
func receiveFile(ctx context.Context, rw io.ReadWriteCloser, s *transfer.Scratch, lasts time.Duration) (rate float64, err error) {
	w := &counting{s: s, meter: newMeter(lasts)}
	if _, err = transfer.Receive(ctx, rw, transfer.ReceiveOptions{Writer: w}); err == nil {
		err = s.Sync()
	}
	return w.meter.rate(time.Now()), err
}

// A counting writer writes to the disk and measures.
type counting struct {
	s     *transfer.Scratch
	meter *meter
}

func (c *counting) Write(b []byte) (int, error) {
	n, err := c.s.Write(b)
	c.meter.add(n, time.Now())
	return n, err
}
