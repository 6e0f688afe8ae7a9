package cmd

import (
	"context"
	"math/rand/v2"
	"time"
)

// A backoff is the pause after a failed attempt: it doubles from a quarter of a second
// to 5 s, and is drawn from its upper half, so that many peers that lost
// the same server do not come back at once.
type backoff time.Duration

const (
	firstPause = backoff(250 * time.Millisecond)
	lastPause  = backoff(5 * time.Second)
)

// sleep pauses, for at most the given time, or until the context ends.
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
