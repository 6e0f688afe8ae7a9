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

// A Host answers those who measure, one at a time. The zero value is ready.
type Host struct {
	mu  sync.Mutex
	now *visit // nil: there is none
}

// A visit is a session, with the one it is of.
type visit struct {
	peer    string
	token   token
	scratch *transfer.Scratch
	turn    chan struct{} // holds a token while something is measured
}

// A Guest is who measures here.
type Guest struct {
	Peer string // in any form that stays the same
	Dir  string // the folder whose disk is measured

	// Consent decides, and may take its time. An error refuses, and its text is told.
	Consent func(context.Context) error
}

// Serve answers what a guest asks on one stream. It closes the stream, and returns when what was asked is
// over: with nil, or why it failed; a refusal matches ErrRefused.
func (h *Host) Serve(ctx context.Context, g Guest, rw io.ReadWriteCloser) error {
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

// readRequest reads what a stream begins with: of another version the first byte alone.
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

// closeAtEnd closes rw when the context ends, unless what it returns was called before.
func closeAtEnd(ctx context.Context, rw io.Closer) func() bool {
	return context.AfterFunc(ctx, func() { rw.Close() })
}

// serveSession lasts until the guest ends the stream.
func (h *Host) serveSession(ctx context.Context, g Guest, rw io.ReadWriteCloser) error {
	v := &visit{peer: g.Peer, turn: make(chan struct{}, 1)}
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
	rw.Read(make([]byte, 1)) // whatever comes is the end
	return nil
}

// refused is ErrRefused with the reason.
type refused struct{ error }

func (r refused) Unwrap() []error { return []error{ErrRefused, r.error} }

// enter makes v the session, if there is none.
func (h *Host) enter(v *visit) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.now != nil {
		return false
	}
	h.now = v
	return true
}

// leave ends the session, after what is being measured.
func (h *Host) leave(v *visit) {
	v.turn <- struct{}{} // and nobody gets it any more
	if v.scratch != nil {
		v.scratch.Close()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = nil
}

func (h *Host) find(peer string, t token) *visit {
	h.mu.Lock()
	defer h.mu.Unlock()
	v := h.now
	if v == nil || v.scratch == nil || v.peer != peer || subtle.ConstantTimeCompare(v.token[:], t[:]) == 0 {
		return nil
	}
	return v
}

// begin waits for the measurement before to end: what it wrote may be being synced.
func (v *visit) begin(ctx context.Context) bool {
	select {
	case v.turn <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (v *visit) end() { <-v.turn }

// measure does what was asked.
func (v *visit) measure(ctx context.Context, r request, rw io.ReadWriteCloser) error {
	if err := writeAnswer(rw, codeYes, ""); err != nil {
		return err
	}
	switch r.what {
	case up:
		rate, err := takeBlocks(rw, r.lasts)
		if err != nil {
			return err
		}
		return writeAnswer(rw, codeYes, "", appendRate(nil, rate)...)
	case down:
		return sendBlocks(rw, r.lasts)
	case disk:
		d, err := measureDisk(v.scratch, r.lasts)
		if err != nil {
			return errors.Join(err, writeAnswer(rw, codeFailed, err.Error()))
		}
		return writeAnswer(rw, codeYes, "", appendRate(appendRate(nil, d.write), d.read)...)
	case send:
		_, err := take(ctx, rw, v.scratch, r.lasts)
		return err
	}
	return give(ctx, rw, v.scratch, r.lasts)
}

// give sends what a disk holds, for so long, in the way of files.
func give(ctx context.Context, rw io.ReadWriteCloser, s *transfer.Scratch, lasts time.Duration) error {
	s.Forget()
	r := &lasting{r: s, until: time.Now().Add(lasts)}
	defer r.stop()
	_, err := transfer.Send(ctx, rw, transfer.Source{Reader: r, Name: "bench"}, transfer.SendOptions{})
	return err
}

// take receives what give sends onto a disk, and returns the rate in which it was safe there.
func take(ctx context.Context, rw io.ReadWriteCloser, s *transfer.Scratch, lasts time.Duration) (rate float64, err error) {
	w := &counting{s: s, meter: newMeter(lasts)}
	if _, err = transfer.Receive(ctx, rw, transfer.ReceiveOptions{Writer: w}); err == nil {
		err = s.Sync()
	}
	return w.meter.rate(time.Now()), err
}

// counting writes to a disk and counts.
type counting struct {
	s     *transfer.Scratch
	meter *meter
}

func (c *counting) Write(b []byte) (int, error) {
	n, err := c.s.Write(b)
	c.meter.add(n, time.Now())
	return n, err
}
