package cmd

import (
	"sync"
	"time"

	"p2ptool/p2p/limit"
)

// failureRate limits the messages about failed streams of strangers, so that they do not fill a
// log.
var failureRate = limit.Rate{PerSecond: 0.2, Burst: 20}

// failures counts these messages. The zero value is ready to use.
type failures struct {
	mu    sync.Mutex // guards the fields below
	began time.Time
	pace  limit.Pace
}

// allow reports whether another message is within the rate, and counts it.
func (f *failures) allow() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.began.IsZero() {
		f.began = time.Now()
	}
	return f.pace.Allow(time.Since(f.began), failureRate, 1)
}
