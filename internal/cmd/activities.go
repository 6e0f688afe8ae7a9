package cmd

import (
	"sync"
	"time"

	"p2ptool/p2p"
)

// Activities counts the transfers and chats of each link, so that the end of a link is reported
// after theirs. The zero value is ready.
type activities struct {
	mu     sync.Mutex
	byLink map[*p2p.Link]*activity
}

// An activity counts the transfers and chats of one link.
type activity struct {
	n    int
	done chan struct{} // closed when n is 0
}

// begin counts an activity, until the caller has reported its end and calls end.
func (as *activities) begin(l *p2p.Link) (end func()) {
	as.mu.Lock()
	defer as.mu.Unlock()
	if as.byLink == nil {
		as.byLink = make(map[*p2p.Link]*activity)
	}
	a := as.byLink[l]
	if a == nil {
		a = &activity{done: make(chan struct{})}
		as.byLink[l] = a
	}
	a.n++
	return sync.OnceFunc(func() {
		as.mu.Lock()
		defer as.mu.Unlock()
		if a.n--; a.n == 0 {
			close(a.done)
			delete(as.byLink, l)
		}
	})
}

// settle waits until a link has no activities, for the given time at most.
func (as *activities) settle(l *p2p.Link, most time.Duration) {
	as.mu.Lock()
	a := as.byLink[l]
	as.mu.Unlock()
	if a == nil {
		return
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-a.done:
	case <-timer.C:
	}
}
