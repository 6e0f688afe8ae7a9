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
	Pace     Pace          // of this disk

	// Open opens a stream to the other side's Host.
	Open func() (io.ReadWriteCloser, error)

	// Ping measures a round trip.
	Ping func(context.Context) (time.Duration, error)

	// Progress is called with the name of each measurement before it begins.
	Progress func(string)
}

// A Result has rates in bytes per second, as seen from this side, and round trips.
type Result struct {
	Up, Down              float64 // the network
	WriteHere, ReadHere   float64 // this side's disk
	WriteThere, ReadThere float64 // the other side's disk
	Sending, Receiving    float64 // a transfer from disk to disk

	// RTT is the median round trip of an idle link, RTTUp and RTTDown are those under load.
	RTT, RTTUp, RTTDown time.Duration
}

// Run runs all measurements in turn. If the other side refuses, the error matches ErrRefused.
func Run(ctx context.Context, o Options) (Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	scratch, err := transfer.NewScratch(o.Dir, maxScratch)
	if err != nil {
		return Result{}, err
	}
	defer scratch.Close()
	v := &runner{Options: o, scratch: scratch}
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

// orCause returns the cause of the context's end, or err if it has not ended.
func orCause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// A runner is the state of Run.
type runner struct {
	Options
	scratch *transfer.Scratch
	token   token
	r       Result
}

func (v *runner) enter(rw io.ReadWriter) error {
	if _, err := rw.Write(request{what: session}.append(nil)); err != nil {
		return err
	}
	return readAnswer(rw, v.token[:])
}

// ask opens a stream for one measurement and calls fn with it.
func (v *runner) ask(ctx context.Context, w what, fn func(io.ReadWriteCloser) error) error {
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

func (v *runner) idle(ctx context.Context) (err error) {
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

func (v *runner) up(ctx context.Context) (err error) {
	v.Progress("the network, sending")
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

func (v *runner) down(ctx context.Context) (err error) {
	v.Progress("the network, receiving")
	v.r.RTTDown, err = v.pinging(ctx, func() error {
		return v.ask(ctx, down, func(rw io.ReadWriteCloser) (err error) {
			v.r.Down, err = receiveBlocks(rw, v.Duration)
			return err
		})
	})
	return err
}

func (v *runner) diskHere(context.Context) error {
	v.Progress("this disk")
	d, err := measureDisk(v.scratch, v.Duration, v.Pace)
	v.r.WriteHere, v.r.ReadHere = d.write, d.read
	return err
}

func (v *runner) diskThere(ctx context.Context) error {
	v.Progress("the peer's disk")
	return v.ask(ctx, disk, func(rw io.ReadWriteCloser) error {
		var b [16]byte
		err := readAnswer(rw, b[:])
		v.r.WriteThere, v.r.ReadThere = parseRate(b[:8]), parseRate(b[8:])
		return err
	})
}

func (v *runner) sending(ctx context.Context) error {
	v.Progress("all together, sending")
	return v.ask(ctx, send, func(rw io.ReadWriteCloser) error {
		begun := time.Now()
		written, err := sendFile(ctx, rw, v.scratch, v.Duration)
		v.r.Sending = float64(written) / time.Since(begun).Seconds()
		return err
	})
}

func (v *runner) receiving(ctx context.Context) error {
	v.Progress("all together, receiving")
	return v.ask(ctx, receive, func(rw io.ReadWriteCloser) (err error) {
		v.r.Receiving, err = receiveFile(ctx, rw, v.scratch, v.Duration)
		return err
	})
}

const pingEvery = 100 * time.Millisecond

// pinging returns the median round trip while fn runs, and fn's error.
func (v *runner) pinging(ctx context.Context, fn func() error) (time.Duration, error) {
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
