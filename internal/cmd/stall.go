package cmd

import (
	"context"
	"sync"
	"time"

	"p2ptool/internal/terminal"
	"p2ptool/p2p"
)

const (
	stallAfter  = 30 * time.Second // in which nothing moves, until that is said, and said again
	stallWithin = time.Second      // for the link to tell what it knows
)

// A stall says when a transfer has not moved for long, and why. Its methods may be called from
// several goroutines.
type stall struct {
	p    *program
	link *p2p.Link
	peer string // its name

	mu       sync.Mutex
	timer    *time.Timer // nil: not begun, or over
	transfer string      // its ID
	last     time.Time   // when something moved
	asking   bool        // the peer is being asked whether it accepts
}

// begin has the time count from now on. Asking says that it is the peer's decision that is
// waited for, which is no stall.
func (s *stall) begin(transfer string, asking bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.transfer, s.asking, s.last = transfer, asking, time.Now()
	if s.timer == nil {
		s.timer = time.AfterFunc(stallAfter, s.fire)
		return
	}
	s.timer.Reset(stallAfter)
}

// moved says that something has moved.
func (s *stall) moved() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.last = time.Now()
		s.timer.Reset(stallAfter)
	}
}

// end has nothing more said. Twice is fine.
func (s *stall) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}

// fire is the timer's.
func (s *stall) fire() {
	ctx, cancel := context.WithTimeout(context.Background(), stallWithin)
	defer cancel()
	why, err := s.link.Stall(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || s.timer == nil {
		return // whoever transfers hears of it
	}
	s.timer.Reset(stallAfter)
	if s.asking && !why.Outgoing() {
		s.p.out.note("still waiting for %s to accept", s.peer)
		return
	}
	since := time.Since(s.last).Round(time.Second)
	s.p.out.note("nothing has moved between here and %s for %s: %s", s.peer, terminal.Duration(since), why)
	s.p.out.event(stalledEvent{s.p.who(s.link.Peer()), s.transfer, int64(since / time.Second), why.String()})
}
