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

// Both sides report a stalled transfer, with the reason, and it continues afterwards.
func TestStalledTransfer(t *testing.T) {
	onTestbed(t, func(t *testing.T, w *testbed) {
		file := filepath.Join(w.dir, "file")
		content := make([]byte, 3<<20)
		rand.NewChaCha8([32]byte{}).Read(content)
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		host := w.peers[0].host
		host.Link(netsim.Link{Delay: 5 * time.Millisecond, Rate: 500_000})
		bob := w.start(w.peers[1], "", "receive", "--once")
		defer bob.stop()
		time.Sleep(2 * time.Second)
		ann := w.start(w.peers[0], "", "send", file, "--to", w.peers[1].guid)
		defer ann.stop()
		time.Sleep(3 * time.Second)
		host.Cut()
		time.Sleep(45 * time.Second)
		host.Heal()
		for _, r := range []*testProcess{ann, bob} {
			if n, said := r.count("stalled"), r.output(); n != 1 || !strings.Contains(said, "no path to the peer answers") {
				t.Errorf("%d reports of a stall:\n%s", n, said)
			}
		}
		ann.wantExit(statusDone)
		bob.wantExit(statusDone)
	})
}

// A chat reports an undelivered line once, with the reason, and delivers it later.
func TestStalledLine(t *testing.T) {
	onTestbed(t, func(t *testing.T, w *testbed) {
		steps := filepath.Join(w.dir, "steps.toml")
		w.write(steps, "[[script]]\nsay = \"first\"\n[[script]]\nsleep = \"10s\"\n[[script]]\nsay = \"second\"\n")
		bob := w.start(w.peers[1], "", "run")
		defer bob.stop()
		time.Sleep(2 * time.Second)
		ann := w.start(w.peers[0], "", "chat", w.peers[1].guid, "--script", steps)
		defer ann.stop()
		time.Sleep(5 * time.Second)
		w.peers[0].host.Cut()
		time.Sleep(50 * time.Second)
		if n, said := ann.count("stalled"), ann.output(); n != 1 || !strings.Contains(said, "a line has not been delivered to") ||
			!strings.Contains(said, ": no path to the peer answers") {
			t.Errorf("%d reports of an undelivered line:\n%s", n, said)
		}
		w.peers[0].host.Heal()
		ann.wantExit(statusDone)
		if lines := bob.received(); len(lines) != 2 {
			t.Errorf("received %q", lines)
		}
	})
}

// A command that waits for a peer reports it once, with the peer.
func TestWaiting(t *testing.T) {
	onTestbed(t, func(t *testing.T, w *testbed) {
		file := filepath.Join(w.dir, "file")
		w.write(file, "content")
		var waiting []*testProcess
		for _, c := range []struct {
			stdin string
			args  []string
		}{
			{"line\n", []string{"chat", w.peers[1].guid, "--wait", "5m"}},
			{"", []string{"send", file, "--to", w.peers[1].guid, "--wait", "5m"}},
			{"", []string{"run", w.peers[1].guid}},
		} {
			waiting = append(waiting, w.start(w.peers[0], c.stdin, c.args...))
			time.Sleep(time.Second)
		}
		time.Sleep(2 * time.Minute)
		for _, r := range waiting {
			if n := r.count("waiting"); n != 1 || !strings.Contains(r.output(), " is not online, ") {
				t.Errorf("%s reported %d times that it waits:\n%s", r.name, n, r.output())
			}
			r.stop()
		}
	})
}
