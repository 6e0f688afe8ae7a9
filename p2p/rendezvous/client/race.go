package client

import (
	"context"
	"sync"
	"time"
)

// A try is one of several attempts at the same result.
type try[T any] struct {
	delay time.Duration // after the start of the race
	make  func(context.Context) (T, error)
}

// race starts tries after their delays, as Happy Eyeballs (RFC 8305) does, waits for all of them, and returns
// the first success; drop is called with any others. An error for which final is true cancels the rest;
// otherwise the last error is returned.
func race[T any](ctx context.Context, tries []try[T], final func(error) bool, drop func(T)) (won T, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex // guards what follows, and what is returned
	var running sync.WaitGroup
	decided := false
	for _, t := range tries {
		running.Go(func() {
			v, e := t.after(ctx)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case decided && e == nil:
				drop(v)
			case !decided:
				won, err = v, e
				if decided = e == nil || final(e); decided {
					cancel()
				}
			}
		})
	}
	running.Wait()
	return won, err
}

// after runs the try after its delay.
func (t try[T]) after(ctx context.Context) (v T, err error) {
	timer := time.NewTimer(t.delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return v, context.Cause(ctx)
	case <-timer.C:
		return t.make(ctx)
	}
}
