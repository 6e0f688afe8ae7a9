package link

import (
	"sync"
	"time"
)

// A bottleneck is where packets, of one flow or of several, meet a rate.
type bottleneck struct {
	mu      sync.Mutex
	rate    float64       // bytes per second; 0: no limit
	queue   time.Duration // that may lie before a packet
	policer bool          // nothing waits: queue is what a bucket of tokens holds
	busy    time.Time     // until when it sends
}

// pass sends a packet of n bytes and returns how long it takes to get through; ok is false if it
// is dropped.
func (b *bottleneck) pass(now time.Time, n int) (took time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rate == 0 {
		return 0, true
	}
	if b.busy.Before(now) {
		b.busy = now
	}
	if b.busy.Sub(now) > b.queue {
		return 0, false
	}
	b.busy = b.busy.Add(time.Duration(float64(n) / b.rate * float64(time.Second)))
	if b.policer {
		return 0, true
	}
	return b.busy.Sub(now), true
}

// setRate changes the rate and the queue. It returns the factor by which queued packets take longer
// to leave: that of the rates if slow is set, else 1.
func (b *bottleneck) setRate(now time.Time, rate float64, queue time.Duration, slow bool) (factor float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	factor = 1
	if wait := b.busy.Sub(now); slow && wait > 0 {
		factor = b.rate / rate
		b.busy = now.Add(time.Duration(float64(wait) * factor))
	}
	b.rate, b.queue = rate, queue
	return factor
}
