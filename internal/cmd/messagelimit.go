package cmd

import (
	"sync"
	"time"

	"p2ptool/p2p/limit"
)

// Limits of what strangers can make a program print, so that they do not fill a log.
var (
	failureRate    = limit.Rate{PerSecond: 0.2, Burst: 20} // messages about their failed streams
	offerRate      = limit.Rate{PerSecond: 0.2, Burst: 20} // events of their offers, except with accept = "all"
	connectionRate = limit.Rate{PerSecond: 1, Burst: 60}   // their connections
)

// A messageLimit counts messages of one kind. The zero value is ready to use.
type messageLimit struct {
	mu    sync.Mutex // guards the fields below
	began time.Time
	pace  limit.Pace
}

// allow reports whether another message is within the rate, and counts it.
func (l *messageLimit) allow(r limit.Rate) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.began.IsZero() {
		l.began = time.Now()
	}
	return l.pace.Allow(time.Since(l.began), r, 1)
}
