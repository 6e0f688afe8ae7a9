package p2p

import "sync"

// An eventQueue calls a function with events, in order, from one goroutine. put never blocks: its caller may be the
// loop of a link.
type eventQueue struct {
	to     func(Event)
	wg     sync.WaitGroup
	wake   chan struct{}
	mu     sync.Mutex
	events []Event
	closed bool
}

func (q *eventQueue) init(to func(Event)) {
	q.to, q.wake = to, make(chan struct{}, 1)
	q.wg.Go(q.run)
}

func (q *eventQueue) put(e Event) {
	q.mu.Lock()
	if q.to != nil {
		q.events = append(q.events, e)
	}
	q.mu.Unlock()
	q.signal()
}

func (q *eventQueue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// close returns when the function has been called with all events.
func (q *eventQueue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
	q.wg.Wait()
}

func (q *eventQueue) run() {
	for range q.wake {
		q.mu.Lock()
		events, closed := q.events, q.closed
		q.events = nil
		q.mu.Unlock()
		for _, e := range events {
			q.to(e)
		}
		if closed {
			return
		}
	}
}
