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

	"p2ptool/internal/netsim"
)

// An action is a command that one peer runs toward the other.
type action struct {
	command string
	stays   bool // runs until it is stopped
	chats   bool // takes part in a chat
	accepts bool // accepts files and calls
}

var actions = []action{
	{"chat", true, true, true},
	{"run", true, true, true},
	{"receive", true, false, true},
	{"send", false, false, false},
	{"ping", false, false, false},
	{"doctor", false, false, false},
	{"bench", false, false, false},
}

// do starts an action.
func (w *testbed) do(side int, d action, line string) *testProcess {
	s, other := w.peers[side], w.peers[1-side].guid
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
	case "bench":
		for _, p := range w.peers {
			p.host.Link(netsim.Link{Delay: 5 * time.Millisecond, Rate: 500_000})
		}
		return w.start(s, "", "bench", other, "--duration", "100ms")
	}
	return w.start(s, "", d.command, other)
}

// A sequence is a series of actions.
type sequence []struct {
	side   int
	action action
}

func (p sequence) String() (s string) {
	for i, step := range p {
		if i > 0 {
			s += ", "
		}
		s += []string{"ann ", "bob "}[step.side] + step.action.command
	}
	return s
}

// has reports whether one side runs a lasting action for which ok returns true.
func (p sequence) has(side int, ok func(action) bool) bool {
	return slices.ContainsFunc(p, func(s struct {
		side   int
		action action
	}) bool {
		return s.side == side && s.action.stays && ok(s.action)
	})
}

// run runs the actions. None may end another, and each must exit as expected.
func (p sequence) run(t *testing.T) {
	onTestbed(t, func(t *testing.T, w *testbed) {
		var all []*testProcess
		for i, step := range p {
			r := w.do(step.side, step.action, fmt.Sprintf("line %d", i))
			all = append(all, r)
			if step.action.stays {
				time.Sleep(3 * time.Second)
				continue
			}
			status := statusDone
			if !p[:i].has(1-step.side, func(d action) bool { return d.accepts }) {
				status = 3
			}
			r.wantExit(status)
		}
		time.Sleep(20 * time.Second) // a waiting command has tried again by then
		for i, step := range p {
			if step.action.stays && !all[i].alive() {
				t.Errorf("%s was ended:\n%s", all[i].name, all[i].output())
			}
			if step.action.command == "chat" && p.has(1-step.side, func(d action) bool { return d.chats }) {
				p.checkChat(t, all, i)
			}
		}
		for _, r := range all {
			r.stop()
		}
	})
}

// checkChat checks the chat in step i, which has a chat on the other side.
func (p sequence) checkChat(t *testing.T, all []*testProcess, i int) {
	t.Helper()
	r := all[i]
	if n := r.count("delivered"); n != 1 {
		t.Errorf("%s had %d lines delivered:\n%s", r.name, n, r.output())
	}
	shown := 0
	for j, step := range p {
		if step.side != p[i].side && step.action.chats && slices.Contains(all[j].received(), fmt.Sprintf("line %d", i)) {
			shown++
		}
	}
	if shown == 0 {
		t.Errorf("no chat of the other side shows the line of %s", r.name)
	}
	if p[i].side == 0 || len(p) == 2 {
		events := r.events()
		live := slices.IndexFunc(events, func(e jsonEvent) bool { return e.Event == "delivered" || e.Event == "message" })
		if live >= 0 && slices.ContainsFunc(events[live:], func(e jsonEvent) bool { return e.Event == "disconnected" }) {
			t.Errorf("%s reports an end during the chat:\n%s", r.name, r.output())
		}
	}
}

// Every pair of commands runs at the same time, in both orders, with one process on each side
// and with a second one on either. No command ends another.
func TestCommandsDoNotEndEachOther(t *testing.T) {
	for _, first := range actions {
		for _, second := range actions {
			p := sequence{{0, first}, {1, second}}
			t.Run(p.String(), p.run)
			if !first.stays || !second.stays {
				continue // a third is paired with each of these elsewhere
			}
			for _, third := range actions {
				for side := range 2 {
					p := append(slices.Clone(p), sequence{{side, third}}...)
					t.Run(p.String(), p.run)
				}
			}
		}
	}
}

// Whatever ends one side's chat, the other side ends at once and successfully.
func TestLeaveChat(t *testing.T) {
	for name, leave := range map[string]os.Signal{"Ctrl-C": os.Interrupt, "SIGTERM": syscall.SIGTERM, "SIGHUP": syscall.SIGHUP, "the end of input": nil} {
		t.Run(name, func(t *testing.T) {
			onTestbed(t, func(t *testing.T, w *testbed) {
				bob := w.do(1, actions[0], "from bob")
				defer bob.stop()
				time.Sleep(3 * time.Second)
				linger := "5s"
				if leave != nil {
					linger = "10m"
				}
				ann := w.start(w.peers[0], "from ann\n", "chat", w.peers[1].guid, "--linger", linger)
				time.Sleep(3 * time.Second)
				if leave != nil {
					ann.signals <- leave
				}
				<-ann.done
				left := time.Now()
				bob.wantExit(statusDone)
				if d := time.Since(left); d > time.Second {
					t.Errorf("bob's chat ended %v later", d)
				}
				if !slices.Equal(bob.received(), []string{"from ann"}) || !slices.Equal(ann.received(), []string{"from bob"}) {
					t.Errorf("bob received %q, ann %q", bob.received(), ann.received())
				}
				bob.wantOrder("message", "disconnected")
				if strings.Contains(bob.output(), "no path") || strings.Contains(bob.output(), "waiting for it\n") && bob.count("connected") != 1 {
					t.Errorf("bob reports a broken link:\n%s", bob.output())
				}
			})
		})
	}
}

// Two chats of one peer both show the other side's lines, whichever side waits first, and ending
// one does not end the other.
func TestTwoChatsOfOnePeer(t *testing.T) {
	for _, first := range []int{0, 1} {
		t.Run(fmt.Sprintf("%s waits", []string{"ann", "bob"}[first]), func(t *testing.T) {
			onTestbed(t, func(t *testing.T, w *testbed) {
				script := filepath.Join(w.dir, "script.toml")
				w.write(script, "[[script]]\nsleep = \"12s\"\n[[script]]\nsay = \"to both\"\n[[script]]\nsleep = \"10s\"\n[[script]]\nsay = \"to the other\"\n")
				bob := func() *testProcess {
					return w.start(w.peers[1], "", "chat", w.peers[0].guid, "--wait", "10m", "--linger", "10m", "--script", script)
				}
				var ann [2]*testProcess
				var b *testProcess
				if first == 1 {
					b = bob()
					time.Sleep(2 * time.Second)
				}
				for i := range ann {
					ann[i] = w.do(0, actions[0], fmt.Sprintf("from ann %d", i))
					time.Sleep(2 * time.Second)
					if i == 0 && first == 0 {
						b = bob()
						time.Sleep(4 * time.Second)
					}
				}
				time.Sleep(12 * time.Second)
				for i, r := range ann {
					if !slices.Equal(r.received(), []string{"to both"}) {
						t.Errorf("ann's chat %d received %q:\n%s", i, r.received(), r.output())
					}
				}
				ann[0].stop()
				time.Sleep(12 * time.Second)
				if !ann[1].alive() || !b.alive() {
					t.Fatal("one of ann's chats ended the others")
				}
				if !slices.Equal(ann[1].received(), []string{"to both", "to the other"}) {
					t.Errorf("the remaining chat received %q", ann[1].received())
				}
				if !slices.Equal(b.received(), []string{"from ann 0", "from ann 1"}) || b.count("delivered") != 2 {
					t.Errorf("bob received %q:\n%s", b.received(), b.output())
				}
				ann[1].stop()
				b.wantExit(statusDone)
			})
		})
	}
}

// Both sides report the end of a transfer before the end of its link.
func TestDoneBeforeDisconnected(t *testing.T) {
	onTestbed(t, func(t *testing.T, w *testbed) {
		for _, once := range []string{"--once=false", "--once"} {
			bob := w.start(w.peers[1], "", "receive", once)
			time.Sleep(time.Second)
			ann := w.do(0, actions[3], "what is in the file")
			ann.wantExit(statusDone)
			time.Sleep(time.Second)
			bob.stop()
			bob.wantOrder("done", "disconnected")
			ann.wantOrder("done", "disconnected")
		}
	})
}

// Twenty sends of one peer at once are done as soon as if they were few.
func TestTwentySends(t *testing.T) {
	onTestbed(t, func(t *testing.T, w *testbed) {
		bob := w.start(w.peers[1], "", "receive")
		defer bob.stop()
		time.Sleep(time.Second)
		began := time.Now()
		var sends []*testProcess
		for i := range 20 {
			sends = append(sends, w.do(0, action{command: "send"}, fmt.Sprintf("file %d", i)))
		}
		for _, s := range sends {
			s.wantExit(statusDone)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("they took %v", took)
		}
		time.Sleep(time.Second)
		if n := bob.count("done"); n != len(sends) {
			t.Errorf("%d were received", n)
		}
	})
}
