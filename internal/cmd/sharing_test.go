package cmd

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
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

// Whatever ends a chat, it is a leave for the other side: which ends well, and at once.
func TestLeave(t *testing.T) {
	for name, leave := range map[string]os.Signal{"Ctrl-C": os.Interrupt, "SIGTERM": syscall.SIGTERM, "SIGHUP": syscall.SIGHUP, "the end of input": nil} {
		t.Run(name, func(t *testing.T) {
			inTown(t, func(t *testing.T, w *town) {
				bob := w.does(1, deeds[0], "from bob")
				defer bob.stop()
				time.Sleep(3 * time.Second)
				linger := "5s"
				if leave != nil {
					linger = "10m"
				}
				ann := w.start(w.sides[0], "from ann\n", "chat", w.sides[1].guid, "--linger", linger)
				time.Sleep(3 * time.Second)
				if leave != nil {
					ann.signals <- leave
				}
				<-ann.done
				left := time.Now()
				bob.ends(statusDone)
				if d := time.Since(left); d > time.Second {
					t.Errorf("bob's chat ended %v later", d)
				}
				if !slices.Equal(bob.heard(), []string{"from ann"}) || !slices.Equal(ann.heard(), []string{"from bob"}) {
					t.Errorf("bob heard %q, ann %q", bob.heard(), ann.heard())
				}
				bob.order("message", "disconnected")
				if strings.Contains(bob.said(), "no path") || strings.Contains(bob.said(), "waiting for it\n") && bob.count("connected") != 1 {
					t.Errorf("bob took it for a broken link:\n%s", bob.said())
				}
			})
		})
	}
}

// Two chats of one peer, on whichever side the others wait, both show what the other side
// writes, and each ends for itself.
func TestTwoChatsOfOnePeer(t *testing.T) {
	for _, first := range []int{0, 1} {
		t.Run(fmt.Sprintf("%s waits", []string{"ann", "bob"}[first]), func(t *testing.T) {
			inTown(t, func(t *testing.T, w *town) {
				script := filepath.Join(w.dir, "script.toml")
				w.write(script, "[[script]]\nsleep = \"12s\"\n[[script]]\nsay = \"to both\"\n[[script]]\nsleep = \"10s\"\n[[script]]\nsay = \"to the other\"\n")
				bob := func() *running {
					return w.start(w.sides[1], "", "chat", w.sides[0].guid, "--wait", "10m", "--linger", "10m", "--script", script)
				}
				var ann [2]*running
				var b *running
				if first == 1 {
					b = bob()
					time.Sleep(2 * time.Second)
				}
				for i := range ann {
					ann[i] = w.does(0, deeds[0], fmt.Sprintf("from ann %d", i))
					time.Sleep(2 * time.Second)
					if i == 0 && first == 0 {
						b = bob()
						time.Sleep(4 * time.Second)
					}
				}
				time.Sleep(12 * time.Second)
				for i, r := range ann {
					if !slices.Equal(r.heard(), []string{"to both"}) {
						t.Errorf("ann's chat %d heard %q:\n%s", i, r.heard(), r.said())
					}
				}
				ann[0].stop()
				time.Sleep(12 * time.Second)
				if !ann[1].lives() || !b.lives() {
					t.Fatal("one chat of ann's ended the others")
				}
				if !slices.Equal(ann[1].heard(), []string{"to both", "to the other"}) {
					t.Errorf("the chat that is left heard %q", ann[1].heard())
				}
				if !slices.Equal(b.heard(), []string{"from ann 0", "from ann 1"}) || b.count("delivered") != 2 {
					t.Errorf("bob heard %q:\n%s", b.heard(), b.said())
				}
				ann[1].stop()
				b.ends(statusDone)
			})
		})
	}
}

// What goes on over a link is told of before its end, on both sides.
func TestDoneBeforeDisconnected(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		for _, once := range []string{"--once=false", "--once"} {
			bob := w.start(w.sides[1], "", "receive", once)
			time.Sleep(time.Second)
			ann := w.does(0, deeds[3], "what is in the file")
			ann.ends(statusDone)
			time.Sleep(time.Second)
			bob.stop()
			bob.order("done", "disconnected")
			ann.order("done", "disconnected")
		}
	})
}
