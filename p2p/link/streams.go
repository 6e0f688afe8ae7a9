package link

import (
	"context"
	"errors"
	"slices"
	"sync"

	"p2ptool/p2p/link/spans"
	"p2ptool/p2p/link/stream"
)

const (
	maxOpen    = 128 // streams that we open at once
	maxOffered = 512 // streams that the peer may have open here at once
)

// ErrTooManyStreams says that no more streams can be open at once.
var ErrTooManyStreams = errors.New("too many streams are open")

var (
	errStream  = errors.New("peer used a stream that was never opened")
	errStreams = errors.New("peer opened too many streams")
)

// streams is a link's table of streams. Its mutex guards all of it; a goroutine that
// holds it may lock a stream's mutex, but not the other way round.
type streams struct {
	mu      sync.Mutex
	link    *Link
	live    map[uint64]*Stream
	err     error
	over    bool      // nothing is sent any more
	nextOut uint64    // the next that we open
	opened  int       // ours that are live
	offered int       // the peer's that are live
	seen    spans.Set // half the numbers of those that the peer has opened
	backlog []*Stream
	arrived chan struct{} // of capacity 1: the backlog is not empty
	ready   ready

	// Of the loop alone:
	spare  int     // bytes by which windows may still grow
	recent *Stream // what known last returned; nil: none
	raised *Stream // whose WINDOW was sent last and is not acknowledged; nil: none
}

func (t *streams) init(l *Link, initiator bool) {
	t.link, t.live, t.arrived, t.spare = l, map[uint64]*Stream{}, make(chan struct{}, 1), stream.LinkWindows
	if !initiator {
		t.nextOut = 1
	}
}

// open opens a stream. The peer sees it when its first bytes arrive.
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

// accept waits for the next stream that the peer opens.
func (t *streams) accept(ctx context.Context) (*Stream, error) {
	for {
		if s, err := t.popBacklog(); s != nil || err != nil {
			return s, err
		}
		select {
		case <-t.arrived:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (t *streams) popBacklog() (*Stream, error) {
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
		t.signal() // for other callers of accept
	}
	return nil, t.err
}

func (t *streams) signal() {
	select {
	case t.arrived <- struct{}{}:
	default:
	}
}

// ours reports whether stream id is one that this end opens.
func (t *streams) ours(id uint64) bool { return id&1 == t.nextOut&1 }

// find returns a stream, and opens it if it is new and one of the peer's. It returns
// nil for one that has ended.
func (t *streams) find(id uint64) (*Stream, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.live[id]; s != nil || t.err != nil {
		return s, nil
	}
	switch {
	case t.ours(id) && id >= t.nextOut:
		return nil, errStream
	case t.ours(id), t.seen.Contains(id / 2):
		return nil, nil
	case t.offered >= maxOffered, len(t.seen) > maxOffered:
		return nil, errStreams
	case !t.link.memory.claim(streamCost):
		return nil, stream.ErrNoRoom
	}
	s := newStream(t.link, id)
	t.seen.Add(spans.Span{Start: id / 2, End: id/2 + 1})
	t.offered++
	t.live[id] = s
	t.backlog = append(t.backlog, s)
	t.signal()
	return s, nil
}

// known returns a stream that has not finished yet, else nil. Only the loop calls it, and most
// often for the same stream.
func (t *streams) known(id uint64) *Stream {
	if s := t.recent; s != nil && s.id == id {
		return s
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.recent = t.live[id]
	return t.recent
}

// drop removes a finished stream from the table. Only the loop calls it.
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
	if t.recent == s {
		t.recent = nil
	}
	t.spare += s.in.Grown()
	s.free()
	if t.ours(s.id) {
		t.opened--
		return
	}
	t.offered--
	t.link.memory.give(streamCost)
	// A stream that was reset both ways before it was accepted belongs to nobody.
	t.backlog = slices.DeleteFunc(t.backlog, func(o *Stream) bool { return o == s })
}

// free drops the buffer of a stream that is finished: all of it was read, or never will be.
func (s *Stream) free() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.in.Free()
	s.giveBack()
}

// fail ends all streams with err.
func (t *streams) fail(err error) {
	t.mu.Lock()
	t.over = true
	t.ready.clear()
	t.mu.Unlock()
	t.refuse(err)
}

// refuse makes all reads and writes fail with err, and so does opening streams. Data
// that was already written is still sent.
func (t *streams) refuse(err error) {
	t.mu.Lock()
	t.err = err
	all := t.allLocked()
	t.mu.Unlock()
	for _, s := range all {
		s.fail(err)
	}
	t.signal()
}

func (t *streams) allLocked() []*Stream {
	all := make([]*Stream, 0, len(t.live))
	for _, s := range t.live {
		all = append(all, s)
	}
	return all
}

// unsettled reports whether written data is not yet acknowledged.
func (t *streams) unsettled() bool {
	t.mu.Lock()
	all := t.allLocked()
	t.mu.Unlock()
	return slices.ContainsFunc(all, (*Stream).unsettled)
}

// blocked reports whether some stream has data that the peer's window does not admit, and
// everything sent before it was acknowledged.
func (t *streams) blocked() bool {
	t.mu.Lock()
	all := t.allLocked()
	t.mu.Unlock()
	return slices.ContainsFunc(all, (*Stream).blocked)
}

// share returns how many bytes each stream may buffer to send: the streams that have data
// share window bytes.
func (t *streams) share(window int) int64 {
	n := max(int(t.ready.carrying.Load()), 1)
	return int64(min(max(window/n, minSendBuf), stream.MaxBuffer))
}
