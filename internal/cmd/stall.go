package cmd

import (
	"context"
	"sync"
	"time"

	"p2ptool/internal/terminal"
	"p2ptool/p2p"
)

const (
	stallAfter  = 30 * time.Second // without progress until a report, and until the next one
	stallWithin = time.Second      // for the link to return the reason
)

// A stall reports when a transfer makes no progress for stallAfter, and why. Its methods may be
// called from several goroutines.
type stall struct {
	p    *program
	link *p2p.Link
	peer string // the peer's name

	mu       sync.Mutex
	timer    *time.Timer // nil: not begun, or ended
	transfer string      // its ID
	last     time.Time   // when something moved
	asking   bool        // the peer is being asked whether it accepts
}

// begin starts or restarts the timer. With asking, the transfer waits for the peer to accept, which
// is not a stall.
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

// moved records progress.
func (s *stall) moved() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.last = time.Now()
		s.timer.Reset(stallAfter)
	}
}

// end stops all reports. Calling it twice is fine.
func (s *stall) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}

// fire reports a stall when the timer expires.
func (s *stall) fire() {
	ctx, cancel := context.WithTimeout(context.Background(), stallWithin)
	defer cancel()
	why, err := s.link.Stall(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || s.timer == nil {
		return // the transfer itself reports the link's end
	}
	s.timer.Reset(stallAfter)
	if s.asking && !why.Outgoing() {
		s.p.out.note("still waiting for %s to accept", s.peer)
		return
	}
	since := time.Since(s.last).Round(time.Second)
	s.p.out.note("transfer with %s has not moved for %s: %s", s.peer, terminal.Duration(since), why)
	s.p.out.event(stalledEvent{s.p.who(s.link.Peer()), s.transfer, int64(since / time.Second), why.String()})
}
