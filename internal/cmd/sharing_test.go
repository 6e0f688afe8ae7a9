package cmd

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// A deed is what one party does toward the other.
type deed struct {
	command string
	stays   bool // until it is stopped
	chats   bool // takes part in a conversation
	takes   bool // takes files, and calls
}

var deeds = []deed{
	{"chat", true, true, true},
	{"run", true, true, true},
	{"receive", true, false, true},
	{"send", false, false, false},
	{"ping", false, false, false},
	{"doctor", false, false, false},
}

// does starts a deed.
func (w *town) does(side int, d deed, line string) *running {
	s, other := w.sides[side], w.sides[1-side].guid
	switch d.command {
	case "chat":
		return w.start(s, line+"\n", "chat", other, "--wait", "10m", "--linger", "10m")
	case "run", "receive":
		return w.start(s, "", d.command)
	case "send":
		path := filepath.Join(w.dir, fmt.Sprintf("file%d", w.n))
		w.write(path, line)
		return w.start(s, "", "send", path, "--to", other)
	case "ping":
		return w.start(s, "", "ping", other, "-n", "1")
	}
	return w.start(s, "", d.command, other)
}

// A play is what happens in which order.
type play []struct {
	side int
	deed deed
}

func (p play) String() (s string) {
	for i, step := range p {
		if i > 0 {
			s += ", "
		}
		s += []string{"ann ", "bob "}[step.side] + step.deed.command
	}
	return s
}

// there reports whether a party has something running that will do.
func (p play) there(side int, ok func(deed) bool) bool {
	return slices.ContainsFunc(p, func(s struct {
		side int
		deed deed
	}) bool {
		return s.side == side && s.deed.stays && ok(s.deed)
	})
}

// run has it happen. Nothing that is done ends anything else, and each command gives its result.
func (p play) run(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		var all []*running
		for i, step := range p {
			r := w.does(step.side, step.deed, fmt.Sprintf("line %d", i))
			all = append(all, r)
			if step.deed.stays {
				time.Sleep(3 * time.Second)
				continue
			}
			status := statusDone
			if !p[:i].there(1-step.side, func(d deed) bool { return d.takes }) {
				status = 3
			}
			r.ends(status)
		}
		time.Sleep(20 * time.Second) // who waits tries again by then
		for i, step := range p {
			if step.deed.stays && !all[i].lives() {
				t.Errorf("%s was ended:\n%s", all[i].name, all[i].said())
			}
			if step.deed.command == "chat" && p.there(1-step.side, func(d deed) bool { return d.chats }) {
				p.checkChat(t, all, i)
			}
		}
		for _, r := range all {
			r.stop()
		}
	})
}

// checkChat checks the chat that is one of the steps, with somebody there to talk with.
func (p play) checkChat(t *testing.T, all []*running, i int) {
	t.Helper()
	r := all[i]
	if n := r.count("delivered"); n != 1 {
		t.Errorf("%s had %d lines delivered:\n%s", r.name, n, r.said())
	}
	shown := 0
	for j, step := range p {
		if step.side != p[i].side && step.deed.chats && slices.Contains(all[j].heard(), fmt.Sprintf("line %d", i)) {
			shown++
		}
	}
	if shown == 0 {
		t.Errorf("nobody shows what %s said", r.name)
	}
	if p[i].side == 0 || len(p) == 2 {
		events := r.events()
		live := slices.IndexFunc(events, func(e occurrence) bool { return e.Event == "delivered" || e.Event == "message" })
		if live >= 0 && slices.ContainsFunc(events[live:], func(e occurrence) bool { return e.Event == "disconnected" }) {
			t.Errorf("%s was told of an end within the conversation:\n%s", r.name, r.said())
		}
	}
}

// Everything beside everything, in either order, by one process a side and with a second
// one on either.
func TestNothingEndsAnythingElse(t *testing.T) {
	t.Parallel()
	for _, first := range deeds {
		for _, second := range deeds {
			p := play{{0, first}, {1, second}}
			t.Run(p.String(), p.run)
			if !first.stays || !second.stays {
				continue // a third is checked against each of those by itself
			}
			for _, third := range deeds {
				for side := range 2 {
					p := append(slices.Clone(p), play{{side, third}}...)
					t.Run(p.String(), p.run)
				}
			}
		}
	}
}
