package transfer

import (
	"context"
	"sync"
)

// A queue passes values on in order. put never blocks, so that the goroutine that reads from
// the peer never waits for the one that writes. The protocol bounds the length.
type queue[T any] struct {
	mu    sync.Mutex
	items []T
	ready chan struct{} // holds a token while there are items
}

func newQueue[T any]() *queue[T] { return &queue[T]{ready: make(chan struct{}, 1)} }

func (q *queue[T]) put(v T) {
	q.mu.Lock()
	q.items = append(q.items, v)
	q.mu.Unlock()
	q.signal()
}

func (q *queue[T]) signal() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// try removes and returns the first value, if there is one.
func (q *queue[T]) try() (v T, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return v, false
	}
	v, ok = q.items[0], true
	var zero T
	q.items[0] = zero
	if q.items = q.items[1:]; len(q.items) == 0 {
		q.items = nil
	} else {
		q.signal()
	}
	return v, ok
}

// get waits for the first value, and removes and returns it.
func (q *queue[T]) get(ctx context.Context) (v T, err error) {
	for {
		if v, ok := q.try(); ok {
			return v, nil
		}
		select {
		case <-q.ready:
		case <-ctx.Done():
			return v, ctx.Err()
		}
	}
}

func (q *queue[T]) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}
