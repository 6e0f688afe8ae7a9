package campaign

import (
	"fmt"
	"slices"
	"time"
)

// A full has a person's disk fill up but for a little room, for a while. It takes root, and Linux.
type full struct {
	who   int
	room  int64
	lasts time.Duration
}

func (f full) String() string {
	return fmt.Sprintf("%s's disk has %d KB left for %v", names[f.who], f.room/1000, f.lasts)
}

func (f full) happen(w *world, _ int) {
	if d := w.people[f.who].disk; d != nil {
		d.fill(f.room)
		w.after(f.lasts, d.empty)
	}
}

// drawFull has disks fill up now and then.
func (s *schedule) drawFull(d dice) {
	if !d.chance(.12) {
		return
	}
	for range 1 + d.IntN(2) {
		s.add(d.span(0, eventful), full{d.IntN(len(s.people)), int64(d.scale(1, 500_000)), d.scaleSpan(time.Second, 30*time.Second)})
	}
}

// fills reports whether a person's disk ever fills up.
func (s *schedule) fills(who int) bool {
	return slices.ContainsFunc(s.events, func(e event) bool {
		f, ok := e.do.(full)
		return ok && f.who == who
	})
}
