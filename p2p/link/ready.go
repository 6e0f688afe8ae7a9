package link

import (
	"slices"
	"sync/atomic"
)

// ready is a queue of the streams that may have something to send. Control frames go before
// all data: a WINDOW must not wait behind what this end sends. The table's mutex guards it,
// except for the atomic counters.
type ready struct {
	control []*Stream // first in, first out
	data    []*Stream // by priority, round-robin within one

	waiting  atomic.Int32 // length of both
	carrying atomic.Int32 // length of data
}

func (r *ready) count() {
	r.waiting.Store(int32(len(r.control) + len(r.data)))
	r.carrying.Store(int32(len(r.data)))
}

func (r *ready) clear() {
	r.control, r.data = nil, nil
	r.count()
}

func (r *ready) insert(s *Stream, control bool) {
	if control {
		s.inControl = true
		r.control = append(r.control, s)
	} else {
		s.inData = true
		i := len(r.data)
		for i > 0 && r.data[i-1].priority > s.priority {
			i--
		}
		r.data = slices.Insert(r.data, i, s)
	}
	r.count()
}

func (r *ready) remove(s *Stream, control bool) {
	q := &r.data
	if control {
		q = &r.control
		s.inControl = false
	} else {
		s.inData = false
	}
	if i := slices.Index(*q, s); i >= 0 {
		*q = slices.Delete(*q, i, i+1)
	}
	r.count()
}

// queue adds a stream to those that may have control frames, or data, to send, and reports
// whether it was not among them.
func (t *streams) queue(s *Stream, control bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over || control && s.inControl || !control && s.inData {
		return false
	}
	t.ready.insert(s, control)
	return true
}

func (t *streams) setPriority(s *Stream, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.priority = n
	if s.inData {
		t.ready.remove(s, false)
		t.ready.insert(s, false)
	}
}

// anyReady reports whether any stream is queued.
func (t *streams) anyReady() bool { return t.ready.waiting.Load() > 0 }

// first returns the stream that is to send next, if any, and whether control frames or data.
func (t *streams) first() (s *Stream, control bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch r := &t.ready; {
	case len(r.control) > 0:
		return r.control[0], true
	case len(r.data) > 0:
		return r.data[0], false
	}
	return nil, false
}

// yield ends a stream's turn. It moves behind the others of its priority, or leaves the queue
// if it has nothing more to send, and the table if it is finished. Only the loop calls it.
func (t *streams) yield(s *Stream, control bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ready.remove(s, control)
	if t.over {
		return
	}
	// Under the mutex, so that no call of queue is missed.
	c, d, finished := s.due()
	if again := control && c || !control && d; again {
		t.ready.insert(s, control)
	} else if finished {
		t.remove(s)
	}
}
