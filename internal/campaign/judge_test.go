package campaign

import (
	"fmt"
	"slices"
	"time"
)

// The invariants are, each in a file of its own name:
//
//	lines      each chat line once and in order, or its sender says that it is not delivered
//	files      each file whole or absent, and both sides say the same of it; nothing is
//	           overwritten, nothing is there twice, nothing hidden stays
//	endings    commands end, with a documented status and a reason; probes succeed; where nothing
//	           is wrong nothing fails
//	silence    a command with something to do reports progress, waiting or stalled every 30 s; once
//	           the network is calm, it makes progress
//	strangers  hosts that take no part receive no more than docs/limits.md says
//	bounds     goroutines, descriptors and memory
type judge struct {
	w      *world
	said   map[*process][]entry
	twice  map[string]bool // digests of what may be there twice
	faults []string
}

// verdict returns what is wrong with a run.
func (w *world) verdict() []string {
	j := &judge{w: w, said: map[*process][]entry{}}
	for _, p := range w.processes {
		j.said[p] = p.entries()
	}
	j.lines()
	j.files()
	j.endings()
	j.silence()
	j.strangers()
	j.bounds()
	return j.faults
}

func (j *judge) fault(format string, args ...any) {
	j.faults = append(j.faults, fmt.Sprintf(format, args...))
}

// of returns the processes of a person.
func (j *judge) of(who int) (ps []*process) {
	for _, p := range j.w.processes {
		if p.who == j.w.people[who] {
			ps = append(ps, p)
		}
	}
	return ps
}

// at is when something was said.
func (j *judge) at(e entry) time.Duration { return e.Time.Sub(j.w.began) }

// lines judges the chats.
func (j *judge) lines() {
	for _, p := range j.w.processes {
		if p.talking != nil {
			j.talk(p, p.talking)
		}
	}
}

func (j *judge) talk(p *process, t *talk) {
	heard := map[string]bool{}
	for _, q := range j.of(t.to) {
		j.heardBy(q, p, t, heard)
	}
	for _, e := range of(j.said[p], "delivered") {
		if n := int(e.ID); n < 1 || n > len(t.lines) || !heard[t.lines[n-1]] {
			j.fault("lines: %s says that line %d is delivered, and %s has not seen it", p.name, n, names[t.to])
		}
	}
	if p.status == 0 && !p.killed && len(heard) != len(t.lines) {
		j.fault("lines: %s ended well, and %s has seen %d of %d lines", p.name, names[t.to], len(heard), len(t.lines))
	}
}

// heardBy judges what one process has shown of a talk.
func (j *judge) heardBy(q, p *process, t *talk, heard map[string]bool) {
	last := -1
	tag := t.lines[0][:8]
	for _, e := range of(j.said[q], "message") {
		if len(e.Text) < 8 || e.Text[:8] != tag {
			continue
		}
		n := slices.Index(t.lines, e.Text)
		switch {
		case n < 0:
			j.fault("lines: %s shows %.60q, which nobody said", q.name, e.Text)
		case n <= last:
			j.fault("lines: %s shows line %d of %s after line %d", q.name, n+1, p.name, last+1)
		}
		last = max(last, n)
		heard[e.Text] = true
	}
}
