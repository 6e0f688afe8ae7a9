package cmd

import (
	"context"
	"math/rand/v2"
	"time"
)

// A backoff is the pause after a failed attempt. It doubles from 250 ms to 5 s. The actual
// pause is random between half of it and all of it, so that many peers that lost the same
// server do not return at once.
type backoff time.Duration

const (
	firstPause = backoff(250 * time.Millisecond)
	lastPause  = backoff(5 * time.Second)
)

// sleep pauses for at most the given time, or until the context ends.
func (b *backoff) sleep(ctx context.Context, most time.Duration) error {
	*b = min(max(2*(*b), firstPause), lastPause)
	d := time.Duration(*b/2) + rand.N(time.Duration(*b/2))
	timer := time.NewTimer(min(d, most))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
