package transfer

import (
	"context"
	"fmt"
	"sync"
)

// Each side has to remember all entries from the oldest unfinished one on. These bounds
// limit them.
const (
	windowEntries = 4096
	windowPaths   = 1 << 20 // bytes of their paths
)

// A window holds the entries between the oldest unfinished one and the newest.
type window[T any] struct {
	mu    sync.Mutex
	ring  [windowEntries]*slot[T]
	low   uint32 // the oldest unfinished entry
	next  uint32 // the number of the next one
	paths int    // bytes
	moved chan struct{}
}

type slot[T any] struct {
	v     *T
	paths int
	done  bool
}

func newWindow[T any]() *window[T] { return &window[T]{moved: make(chan struct{}, 1)} }

func (w *window[T]) roomLocked(paths int) bool {
	return w.next-w.low < windowEntries && (w.paths+paths <= windowPaths || w.next == w.low)
}

// add adds an entry with the next number, waiting for room.
func (w *window[T]) add(ctx context.Context, v *T, paths int) (n uint32, err error) {
	for {
		if n, err = w.tryAdd(v, paths); err == nil {
			return n, nil
		}
		select {
		case <-w.moved:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// tryAdd adds an entry with the next number if there is room.
func (w *window[T]) tryAdd(v *T, paths int) (n uint32, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.roomLocked(paths) {
		return 0, fmt.Errorf("%w: too many entries at once", errMessage)
	}
	w.ring[w.next%windowEntries] = &slot[T]{v: v, paths: paths}
	w.next++
	w.paths += paths
	return w.next - 1, nil
}

// early reports whether an entry with a path of that length may be added before the offer is accepted.
func (w *window[T]) early(path int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.next < earlyEntries && w.paths+path <= earlyPaths
}

// reset removes all entries. The next one gets the number 0 again.
func (w *window[T]) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.ring[:])
	w.low, w.next, w.paths = 0, 0, 0
}

// get returns the unfinished entry n, or nil.
func (w *window[T]) get(n uint32) *T {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n-w.low >= w.next-w.low {
		return nil
	}
	if s := w.ring[n%windowEntries]; !s.done {
		return s.v
	}
	return nil
}

// finish marks entry n as finished and moves low past finished entries.
func (w *window[T]) finish(n uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n-w.low >= w.next-w.low {
		return
	}
	s := w.ring[n%windowEntries]
	s.done, s.v = true, nil
	for w.low != w.next && w.ring[w.low%windowEntries].done {
		w.paths -= w.ring[w.low%windowEntries].paths
		w.ring[w.low%windowEntries] = nil
		w.low++
	}
	select {
	case w.moved <- struct{}{}:
	default:
	}
}

// bounds returns the oldest unfinished entry and the next number.
func (w *window[T]) bounds() (low, next uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.low, w.next
}

// unfinished returns the entries that are not finished.
func (w *window[T]) unfinished() (vs []*T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for n := w.low; n != w.next; n++ {
		if s := w.ring[n%windowEntries]; !s.done {
			vs = append(vs, s.v)
		}
	}
	return vs
}
