package bench

import (
	"context"
	"io"
	"slices"
	"sync"
	"time"

	"p2ptool/transfer"
)

// Options configure Run.
type Options struct {
	Duration time.Duration // of each measurement; at most MaxDuration
	Dir      string        // the folder whose disk is measured here

	// Open opens a stream to the other side's Host.
	Open func() (io.ReadWriteCloser, error)

	// Ping measures a round trip.
	Ping func(context.Context) (time.Duration, error)

	// Tell is told what is measured next, in words.
	Tell func(string)
}

// A Result is what was measured: rates in bytes a second, as seen from here, and round trips.
type Result struct {
	Up, Down              float64 // of the network alone
	WriteHere, ReadHere   float64 // of the disk here alone
	WriteThere, ReadThere float64 // of the other side's
	Sending, Receiving    float64 // of a transfer from disk to disk

	// RTT is the round trip while nothing else is sent, RTTUp and RTTDown are those under load: medians.
	RTT, RTTUp, RTTDown time.Duration
}

// Run measures, one thing after the other. Refused, the error matches ErrRefused.
func Run(ctx context.Context, o Options) (Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	scratch, err := transfer.NewScratch(o.Dir, maxScratch)
	if err != nil {
		return Result{}, err
	}
	defer scratch.Close()
	v := &visitor{Options: o, scratch: scratch}
	rw, err := v.Open()
	if err != nil {
		return Result{}, err
	}
	defer rw.Close()
	defer closeAtEnd(ctx, rw)()
	if err := v.enter(rw); err != nil {
		return Result{}, orCause(ctx, err)
	}
	for _, measure := range []func(context.Context) error{v.idle, v.up, v.down, v.diskHere, v.diskThere, v.sending, v.receiving} {
		if err := measure(ctx); err != nil {
			return v.r, orCause(ctx, err)
		}
	}
	return v.r, nil
}

// orCause returns why the context ended, if it has, else err.
func orCause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// A visitor is the state of Run.
type visitor struct {
	Options
	scratch *transfer.Scratch
	token   token
	r       Result
}

func (v *visitor) enter(rw io.ReadWriter) error {
	if _, err := rw.Write(request{what: session}.append(nil)); err != nil {
		return err
	}
	return readAnswer(rw, v.token[:])
}

// ask opens a stream for one measurement and has fn do its part on it.
func (v *visitor) ask(ctx context.Context, w what, fn func(io.ReadWriteCloser) error) error {
	ctx, cancel := context.WithTimeout(ctx, v.Duration+2*grace)
	defer cancel()
	rw, err := v.Open()
	if err != nil {
		return err
	}
	defer rw.Close()
	defer closeAtEnd(ctx, rw)()
	if _, err := rw.Write(request{w, v.Duration, v.token}.append(nil)); err != nil {
		return err
	}
	if err := readAnswer(rw, nil); err != nil {
		return err
	}
	return fn(rw)
}

func (v *visitor) idle(ctx context.Context) (err error) {
	v.r.RTT, err = v.pinging(ctx, func() error {
		t := time.NewTimer(v.Duration / 5)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
		return nil
	})
	return err
}

func (v *visitor) up(ctx context.Context) (err error) {
	v.Tell("the network, from here")
	v.r.RTTUp, err = v.pinging(ctx, func() error {
		return v.ask(ctx, up, func(rw io.ReadWriteCloser) error {
			if err := sendBlocks(rw, v.Duration); err != nil {
				return err
			}
			var b [8]byte
			err := readAnswer(rw, b[:])
			v.r.Up = parseRate(b[:])
			return err
		})
	})
	return err
}

func (v *visitor) down(ctx context.Context) (err error) {
	v.Tell("the network, to here")
	v.r.RTTDown, err = v.pinging(ctx, func() error {
		return v.ask(ctx, down, func(rw io.ReadWriteCloser) (err error) {
			v.r.Down, err = takeBlocks(rw, v.Duration)
			return err
		})
	})
	return err
}

func (v *visitor) diskHere(context.Context) error {
	v.Tell("the disk here")
	d, err := measureDisk(v.scratch, v.Duration)
	v.r.WriteHere, v.r.ReadHere = d.write, d.read
	return err
}

func (v *visitor) diskThere(ctx context.Context) error {
	v.Tell("the other side's disk")
	return v.ask(ctx, disk, func(rw io.ReadWriteCloser) error {
		var b [16]byte
		err := readAnswer(rw, b[:])
		v.r.WriteThere, v.r.ReadThere = parseRate(b[:8]), parseRate(b[8:])
		return err
	})
}

func (v *visitor) sending(ctx context.Context) error {
	v.Tell("all together, from here")
	return v.ask(ctx, send, func(rw io.ReadWriteCloser) error {
		begun := time.Now()
		s := &counted{rw, 0}
		err := give(ctx, s, v.scratch, v.Duration)
		v.r.Sending = float64(s.written) / time.Since(begun).Seconds()
		return err
	})
}

// counted counts what is written.
type counted struct {
	io.ReadWriteCloser
	written int64
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.ReadWriteCloser.Write(b)
	c.written += int64(n)
	return n, err
}

func (v *visitor) receiving(ctx context.Context) error {
	v.Tell("all together, to here")
	return v.ask(ctx, receive, func(rw io.ReadWriteCloser) (err error) {
		v.r.Receiving, err = take(ctx, rw, v.scratch, v.Duration)
		return err
	})
}

const pingEvery = 100 * time.Millisecond

// pinging returns the median of the round trips while fn runs, and its error.
func (v *visitor) pinging(ctx context.Context, fn func() error) (time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	var trips []time.Duration
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(pingEvery)
		defer tick.Stop()
		for ctx.Err() == nil {
			if d, err := v.Ping(ctx); err == nil {
				trips = append(trips, d)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
	err := fn()
	cancel()
	wg.Wait()
	if len(trips) == 0 {
		return 0, err
	}
	slices.Sort(trips)
	return trips[len(trips)/2], err
}
