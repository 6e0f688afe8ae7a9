package client

import (
	"context"
	"sync"
	"time"
)

// A try is one of several ways to make something.
type try[T any] struct {
	delay time.Duration // the start that others have
	make  func(context.Context) (T, error)
}

// race begins tries when their time has come, as Happy Eyeballs (RFC 8305) does, and returns
// what the first that succeeds gives, once all have ended; drop gets what the others give. An error
// that is final ends it at once; else that of the last try is returned.
func race[T any](ctx context.Context, tries []try[T], final func(error) bool, drop func(T)) (won T, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex // guards what follows, and what is returned
	var running sync.WaitGroup
	over := false
	for _, t := range tries {
		running.Go(func() {
			v, e := t.after(ctx)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case over && e == nil:
				drop(v)
			case !over:
				won, err = v, e
				if over = e == nil || final(e); over {
					cancel()
				}
			}
		})
	}
	running.Wait()
	return won, err
}

// after makes it, when its time has come.
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
