package cmd

import (
	"context"
	"sync"
	"time"

	"p2ptool/internal/terminal"
)

// A lineStall says when lines of a chat stay undelivered for long, and why: once, until one is
// delivered again. Its methods may be called from several goroutines.
type lineStall struct {
	p    *program
	talk *talk
	name string // the peer's

	mu              sync.Mutex
	sent, delivered uint64 // ids of the last lines
	since           time.Time
	timer           *time.Timer // nil: all lines are delivered, or the chat is over
	round           int         // counts the timers
	over            bool
}

// send notes that a line was sent. Its delivery may have been noted before.
func (s *lineStall) send(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	waits := s.sent > s.delivered
	s.sent = max(s.sent, id)
	if !waits {
		s.restartLocked()
	}
}

// deliver notes that the peer has a line.
func (s *lineStall) deliver(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delivered = max(s.delivered, id)
	s.restartLocked()
}

// end has nothing more said. Twice is fine.
func (s *lineStall) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.restartLocked()
}

// restartLocked has the time count from now on, where a line waits.
func (s *lineStall) restartLocked() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if !s.over && s.sent > s.delivered {
		s.since = time.Now()
		s.round++
		round := s.round
		s.timer = time.AfterFunc(stallAfter, func() { s.fire(round) })
	}
}

// fire is the timer's of a round.
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
	s.p.out.note("%s not reached %s for %s: %s", lines, s.name, terminal.Duration(since), why)
	s.p.out.event(stalledEvent{who: s.p.who(s.talk.peer), Seconds: int64(since / time.Second), Why: why})
}

// why returns the reason as far as it is known here.
func (s *lineStall) why() string {
	const gone = "there is no link to the peer now"
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
