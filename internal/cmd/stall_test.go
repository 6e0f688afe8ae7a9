package cmd

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"p2ptool/internal/netsim"
)

// A transfer that stands still says so on both sides, with the reason, and goes on afterwards.
func TestStalledTransfer(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		file := filepath.Join(w.dir, "file")
		content := make([]byte, 3<<20)
		rand.NewChaCha8([32]byte{}).Read(content)
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		host := w.sides[0].host
		host.Link(netsim.Link{Delay: 5 * time.Millisecond, Rate: 500_000})
		bob := w.start(w.sides[1], "", "receive", "--once")
		defer bob.stop()
		time.Sleep(2 * time.Second)
		ann := w.start(w.sides[0], "", "send", file, "--to", w.sides[1].guid)
		defer ann.stop()
		time.Sleep(3 * time.Second)
		host.Cut()
		time.Sleep(45 * time.Second)
		host.Heal()
		for _, r := range []*running{ann, bob} {
			if n, said := r.count("stalled"), r.said(); n != 1 || !strings.Contains(said, "no path to the peer answers") {
				t.Errorf("%d times it was said that nothing moves:\n%s", n, said)
			}
		}
		ann.ends(statusDone)
		bob.ends(statusDone)
	})
}

// A line that stays undelivered says so once, with the reason, and arrives when it can.
func TestStalledLine(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		steps := filepath.Join(w.dir, "steps.toml")
		w.write(steps, "[[script]]\nsay = \"first\"\n[[script]]\nsleep = \"10s\"\n[[script]]\nsay = \"second\"\n")
		bob := w.start(w.sides[1], "", "run")
		defer bob.stop()
		time.Sleep(2 * time.Second)
		ann := w.start(w.sides[0], "", "chat", w.sides[1].guid, "--script", steps)
		defer ann.stop()
		time.Sleep(5 * time.Second)
		w.sides[0].host.Cut()
		time.Sleep(50 * time.Second)
		if n, said := ann.count("stalled"), ann.said(); n != 1 || !strings.Contains(said, "a line has not reached") ||
			!strings.Contains(said, ": no path to the peer answers") {
			t.Errorf("%d times it was said that a line does not arrive:\n%s", n, said)
		}
		w.sides[0].host.Heal()
		ann.ends(statusDone)
		if lines := bob.heard(); len(lines) != 2 {
			t.Errorf("heard %q", lines)
		}
	})
}

// Who waits for a peer says so, and whom it waits for.
func TestWaiting(t *testing.T) {
	inTown(t, func(t *testing.T, w *town) {
		file := filepath.Join(w.dir, "file")
		w.write(file, "content")
		var waiting []*running
		for _, c := range []struct {
			stdin string
			args  []string
		}{
			{"line\n", []string{"chat", w.sides[1].guid, "--wait", "5m"}},
			{"", []string{"send", file, "--to", w.sides[1].guid, "--wait", "5m"}},
			{"", []string{"run", w.sides[1].guid}},
		} {
			waiting = append(waiting, w.start(w.sides[0], c.stdin, c.args...))
			time.Sleep(time.Second)
		}
		time.Sleep(2 * time.Minute)
		for _, r := range waiting {
			if n := r.count("waiting"); n != 1 || !strings.Contains(r.said(), " is not online, ") {
				t.Errorf("%s said %d times that it waits:\n%s", r.name, n, r.said())
			}
			r.stop()
		}
	})
}
