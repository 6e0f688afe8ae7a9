package cmd

import (
	"sync"
	"time"

	"p2ptool/p2p"
)

// Activities are what goes on over links: transfers, conversations. A link's end is told of
// after that of what went on over it. The zero value is ready.
type activities struct {
	mu sync.Mutex
	of map[*p2p.Link]*activity
}

// An activity counts those of one link.
type activity struct {
	n    int
	over chan struct{} // closed when n is 0
}

// begin notes that something begins; the returned function, that it is over and has been told of.
func (as *activities) begin(l *p2p.Link) (end func()) {
	as.mu.Lock()
	defer as.mu.Unlock()
	if as.of == nil {
		as.of = make(map[*p2p.Link]*activity)
	}
	a := as.of[l]
	if a == nil {
		a = &activity{over: make(chan struct{})}
		as.of[l] = a
	}
	a.n++
	return sync.OnceFunc(func() {
		as.mu.Lock()
		defer as.mu.Unlock()
		if a.n--; a.n == 0 {
			close(a.over)
			delete(as.of, l)
		}
	})
}

// settle waits until nothing goes on over a link, for a time at most.
func (as *activities) settle(l *p2p.Link, most time.Duration) {
	as.mu.Lock()
	a := as.of[l]
	as.mu.Unlock()
	if a == nil {
		return
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-a.over:
	case <-timer.C:
	}
}
