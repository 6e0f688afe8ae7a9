package link

import (
	"context"
	"errors"
	"slices"
	"sync"
)

const (
	maxOpen    = 128  // streams that we open at once
	maxOffered = 1024 // streams that the other side may have open at once
)

// ErrTooManyStreams says that no more streams can be open at once.
var ErrTooManyStreams = errors.New("too many streams are open")

// streams is a link's table of streams. Its mutex guards all of it.
type streams struct {
	mu      sync.Mutex
	link    *Link
	live    map[uint64]*Stream
	err     error
	nextOut uint64 // the next that we open
	opened  int    // ours that are live
	offered int    // the other side's that are live
	seen    spans  // numbers, by half, that the other side has opened
	backlog []*Stream
	arrived chan struct{} // one place: the backlog is not empty
	ready   []*Stream     // with something to send, first to last within a priority
}

func (t *streams) init(l *Link, initiator bool) {
	t.link, t.live, t.arrived = l, map[uint64]*Stream{}, make(chan struct{}, 1)
	if !initiator {
		t.nextOut = 1
	}
}

// open opens a stream. The other side learns of it with its first bytes.
func (t *streams) open() (*Stream, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.err != nil:
		return nil, t.err
	case t.opened >= maxOpen:
		return nil, ErrTooManyStreams
	}
	s := newStream(t.link, t.nextOut)
	t.nextOut += 2
	t.opened++
	t.live[s.id] = s
	return s, nil
}

// accept waits for the next stream that the other side opens.
func (t *streams) accept(ctx context.Context) (*Stream, error) {
	for {
		if s, err := t.takeBacklog(); s != nil || err != nil {
			return s, err
		}
		select {
		case <-t.arrived:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (t *streams) takeBacklog() (*Stream, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.backlog) > 0 {
		s := t.backlog[0]
		t.backlog = slices.Delete(t.backlog, 0, 1)
		if len(t.backlog) > 0 {
			t.signal()
		}
		return s, nil
	}
	if t.err != nil {
		t.signal() // for others who wait
	}
	return nil, t.err
}

func (t *streams) signal() {
	select {
	case t.arrived <- struct{}{}:
	default:
	}
}

// ours reports whether it is for us to open stream id.
func (t *streams) ours(id uint64) bool { return id&1 == t.nextOut&1 }

// find returns a stream, opening it if it is new and for the other side to
// open. It returns nil for one that has ended.
func (t *streams) find(id uint64) (*Stream, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.live[id]; s != nil || t.err != nil {
		return s, nil
	}
	if t.ours(id) {
		if id >= t.nextOut {
			return nil, errStream
		}
		return nil, nil
	}
	if t.seen.contains(id / 2) {
		return nil, nil
	}
	if t.offered >= maxOffered || len(t.seen) > maxOffered {
		return nil, ErrTooManyStreams
	}
	s := newStream(t.link, id)
	t.seen.add(span{id / 2, id/2 + 1})
	t.offered++
	t.live[id] = s
	t.backlog = append(t.backlog, s)
	t.signal()
	return s, nil
}

// queue puts a stream among those with something to send. The loop finds out
// whether it really has.
func (t *streams) queue(s *Stream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !s.queued {
		t.insert(s)
	}
}

func (t *streams) insert(s *Stream) {
	s.queued = true
	i := len(t.ready)
	for i > 0 && t.ready[i-1].priority > s.priority {
		i--
	}
	t.ready = slices.Insert(t.ready, i, s)
}

func (t *streams) setPriority(s *Stream, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.priority = n
	if s.queued {
		t.ready = slices.DeleteFunc(t.ready, func(r *Stream) bool { return r == s })
		t.insert(s)
	}
}

// first returns the stream whose turn it is, or nil.
func (t *streams) first() *Stream {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.ready) == 0 {
		return nil
	}
	return t.ready[0]
}

// yield ends a stream's turn: it goes behind those of its priority, or leaves
// the queue where it has nothing more to send.
func (t *streams) yield(s *Stream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(t.ready, s)
	if i < 0 {
		return
	}
	t.ready = slices.Delete(t.ready, i, i+1)
	s.queued = false
	// Asked under the mutex, so that no call of queue is missed.
	switch pending, finished := s.state(); {
	case pending:
		t.insert(s)
	case finished:
		t.remove(s)
	}
}

// drop takes a stream that has finished out of the table.
func (t *streams) drop(s *Stream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remove(s)
}

func (t *streams) remove(s *Stream) {
	if t.live[s.id] != s {
		return
	}
	delete(t.live, s.id)
	if t.ours(s.id) {
		t.opened--
	} else {
		t.offered--
	}
}

// fail ends all streams with err.
func (t *streams) fail(err error) {
	t.mu.Lock()
	t.err = err
	all := make([]*Stream, 0, len(t.live))
	for _, s := range t.live {
		all = append(all, s)
	}
	t.ready = nil
	t.mu.Unlock()
	for _, s := range all {
		s.fail(err)
	}
	t.signal()
}

var errStream = errors.New("peer used a stream that was never opened")
