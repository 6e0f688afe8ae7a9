package cmd

import (
	"context"
	"sync"
	"time"

	"p2ptool/internal/terminal"
)

// A lineStall reports when lines of a chat stay undelivered for stallAfter, and why. It reports
// again only after another line was delivered. Its methods may be called from several goroutines.
type lineStall struct {
	p    *program
	talk *talk
	name string // the peer's

	mu              sync.Mutex
	sent, delivered uint64 // IDs of the newest lines
	since           time.Time
	timer           *time.Timer // nil: all lines are delivered, or the chat has ended
	round           int         // identifies the timer
	ended           bool
}

// send records a sent line. Its delivery may have been recorded before.
func (s *lineStall) send(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	waits := s.sent > s.delivered
	s.sent = max(s.sent, id)
	if !waits {
		s.restartLocked()
	}
}

// deliver records a delivered line.
func (s *lineStall) deliver(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delivered = max(s.delivered, id)
	s.restartLocked()
}

// end stops all reports. Calling it twice is fine.
func (s *lineStall) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.restartLocked()
}

// restartLocked restarts the timer if a line waits.
func (s *lineStall) restartLocked() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if !s.ended && s.sent > s.delivered {
		s.since = time.Now()
		s.round++
		round := s.round
		s.timer = time.AfterFunc(stallAfter, func() { s.fire(round) })
	}
}

// fire reports the stall when the timer of a round expires.
func (s *lineStall) fire(round int) {
	why := s.why()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer == nil || s.round != round {
		return // something was delivered meanwhile
	}
	lines := "a line has"
	if n := s.sent - s.delivered; n > 1 {
		lines = count(int64(n), "line") + " have"
	}
	since := time.Since(s.since).Round(time.Second)
	s.p.out.note("%s not been delivered to %s for %s: %s", lines, s.name, terminal.Duration(since), why)
	s.p.out.event(stalledEvent{who: s.p.who(s.talk.peer), Seconds: int64(since / time.Second), Why: why})
}

// why returns the reason, as far as this side knows it.
func (s *lineStall) why() string {
	const gone = "no link to the peer right now"
	link := s.talk.link.Load()
	if link == nil || s.talk.streams.Load() == 0 {
		return gone
	}
	ctx, cancel := context.WithTimeout(context.Background(), stallWithin)
	defer cancel()
	why, err := link.Stall(ctx)
	if err != nil {
		return gone
	}
	return why.String()
}
