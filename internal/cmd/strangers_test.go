package cmd

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p"
	"p2ptool/p2p/identity"
	"p2ptool/transfer"
)

// stranger adds a machine whose peer is nobody's contact.
func (w *testbed) stranger() *testPeer {
	h := w.net.Host("198.51.100.66")
	h.Link(netsim.Link{Delay: 5 * time.Millisecond})
	return w.testPeer("mallory", h, w.key)
}

// set replaces text in a peer's config.
func (w *testbed) set(s *testPeer, old, new string) {
	w.t.Helper()
	b, err := os.ReadFile(s.config)
	if err != nil {
		w.t.Fatal(err)
	}
	text := string(b)
	if !strings.Contains(text, old) {
		w.t.Fatalf("no %s in %s", old, text)
	}
	w.write(s.config, strings.Replace(text, old, new, 1))
}

// pester does to a waiting command everything that a stranger's commands do, and what no command does: streams
// of all kinds with nothing, garbage, half an offer, and a link that ends at once.
func (w *testbed) pester(s *testPeer, victim string) {
	w.t.Helper()
	file := filepath.Join(w.dir, "unasked.txt")
	w.write(file, "nobody asked for this")
	for _, args := range [][]string{
		{"ping", victim, "-n", "1"}, {"doctor", victim},
		{"send", file, "--to", victim}, {"chat", victim},
	} {
		r := w.start(s, "hello\n", args...)
		select {
		case <-r.done:
		case <-time.After(10 * time.Second):
			r.stop()
		}
	}
	w.pesterByHand(s, victim)
}

func (w *testbed) pesterByHand(s *testPeer, victim string) {
	w.t.Helper()
	key, err := identity.GenerateKey()
	if err != nil {
		w.t.Fatal(err)
	}
	guid, err := identity.ParseGUID(victim)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, kind := range []string{"", kindChat, kindFile, kindBench, p2p.ViewKind, "nothing"} {
		for _, say := range []func(*p2p.Stream){
			func(*p2p.Stream) {},
			func(s *p2p.Stream) { s.Write(make([]byte, 10_000)) },
			func(s *p2p.Stream) { s.Write([]byte{1, 255, 255, 255, 255}); s.CloseWrite() },
			func(s *p2p.Stream) { s.Reset(1) },
			func(s *p2p.Stream) {
				ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
				defer cancel()
				transfer.Send(ctx, s, transfer.Source{Reader: strings.NewReader("unasked"), Name: "unasked"}, transfer.SendOptions{})
			},
		} {
			p, err := p2p.NewPeer(p2p.PeerOptions{Key: key, Server: testbedServer + ":3478", Calling: true, Network: s.host})
			if err != nil {
				w.t.Fatal(err)
			}
			if l, err := p.Connect(w.t.Context(), guid, p2p.ConnectOptions{}); err == nil && kind != "" {
				if s, err := l.OpenStream(kind); err == nil {
					go io.Copy(io.Discard, s)
					say(s)
					time.Sleep(100 * time.Millisecond)
				}
			}
			p.Close()
		}
	}
}

// No stranger ends a command that waits for somebody else, or keeps it from going on when that one comes. The
// waiting command is bob's.
func TestStrangersEndNothing(t *testing.T) {
	const script = "[[script]]\nexpect = \"^now$\"\n[[script]]\nreceive = \"*.txt\"\n[[script]]\nquit = true\n"
	scripted := func(w *testbed, command ...string) *testProcess {
		path := filepath.Join(w.dir, "steps.toml")
		w.write(path, script)
		return w.start(w.peers[1], "", append(command, "--script", path)...)
	}
	// ann does what the script waits for.
	play := func(w *testbed) *testProcess {
		path := filepath.Join(w.dir, "play.toml")
		w.write(filepath.Join(w.dir, "wanted.txt"), "wanted")
		w.write(path, fmt.Sprintf("[[script]]\nsay = \"now\"\n[[script]]\nsend = %q\n", filepath.Join(w.dir, "wanted.txt")))
		return w.start(w.peers[0], "", "chat", w.peers[1].guid, "--script", path)
	}
	send := func(w *testbed) *testProcess {
		path := filepath.Join(w.dir, "wanted")
		w.write(path, "wanted")
		return w.start(w.peers[0], "", "send", path, "--to", w.peers[1].guid)
	}
	for name, c := range map[string]struct {
		wait func(w *testbed, ann string) *testProcess
		come func(w *testbed) *testProcess

		arrives string // the file that the awaited peer sends
	}{
		"receive --once --from": {func(w *testbed, ann string) *testProcess {
			return w.start(w.peers[1], "", "receive", "--once", "--yes", "--from", ann)
		}, send, "wanted"},
		"receive --once, from contacts": {func(w *testbed, ann string) *testProcess {
			w.set(w.peers[1], "accept = \"all\"", "accept = \"contacts\"")
			w.set(w.peers[1], "[receive]", "[contacts.ann]\nguid = \""+ann+"\"\n[receive]")
			return w.start(w.peers[1], "", "receive", "--once")
		}, send, "wanted"},
		"receive --once without a terminal": {func(w *testbed, ann string) *testProcess {
			w.set(w.peers[1], "accept = \"all\"", "accept = \"ask\"")
			w.set(w.peers[1], "[receive]", "[contacts.ann]\nguid = \""+ann+"\"\naccept = true\n[receive]")
			return w.start(w.peers[1], "", "receive", "--once")
		}, send, "wanted"},
		"chat, waiting": {func(w *testbed, ann string) *testProcess {
			return w.start(w.peers[1], "", "chat", ann, "--wait", "10m", "--wait-line", "^wanted$", "--linger", "10m")
		}, func(w *testbed) *testProcess {
			return w.start(w.peers[0], "wanted\n", "chat", w.peers[1].guid)
		}, ""},
		"chat with a script": {func(w *testbed, ann string) *testProcess {
			return scripted(w, "chat", ann, "--wait", "10m")
		}, play, "wanted.txt"},
		"run with a script": {func(w *testbed, ann string) *testProcess { return scripted(w, "run", ann) }, play, "wanted.txt"},
	} {
		t.Run(name, func(t *testing.T) {
			onTestbed(t, func(t *testing.T, w *testbed) {
				mallory := w.stranger()
				bob := c.wait(w, w.peers[0].guid)
				time.Sleep(3 * time.Second)
				w.pester(mallory, w.peers[1].guid)
				if !bob.alive() {
					t.Errorf("a stranger ended it, with %d:\n%s", bob.status, bob.output())
					return
				}
				began := time.Now()
				ann := c.come(w)
				select {
				case <-bob.done:
				case <-time.After(time.Minute):
				}
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("it ended %v after the awaited peer came:\n%s", took, bob.output())
				}
				bob.wantExit(statusDone)
				ann.wantExit(statusDone)
				if c.arrives == "" {
					return
				}
				if _, err := os.Stat(filepath.Join(w.peers[1].home, "inbox", c.arrives)); err != nil {
					t.Errorf("it ended before what it waited for arrived: %v\n%s", err, bob.output())
				}
			})
		})
	}
}

// A sender whose link broke does not end --once while another one sends.
func TestOnceDoesNotCutATransfer(t *testing.T) {
	onTestbed(t, func(t *testing.T, w *testbed) {
		mallory := w.stranger()
		file := filepath.Join(w.dir, "large")
		w.write(file, strings.Repeat("large", 400_000))
		bob := w.start(w.peers[1], "", "receive", "--once", "--yes")
		time.Sleep(3 * time.Second)
		slow := w.start(mallory, "", "send", file, "--to", w.peers[1].guid, "--limit", "20KB/s")
		time.Sleep(10 * time.Second)
		mallory.host.Link(netsim.Link{Loss: 1})
		time.Sleep(2*time.Minute + 30*time.Second) // the link has ended, and 30 s of the wait are left
		ann := w.start(w.peers[0], "", "send", file, "--to", w.peers[1].guid, "--limit", "40KB/s")
		ann.wantExit(statusDone)
		bob.wantExit(statusDone)
		slow.stop()
	})
}

// A stranger that offers over and over does not fill a log, however the receiver answers.
func TestOffersOfStrangersAreLimited(t *testing.T) {
	const offers = 100
	for _, accept := range []string{"none", "contacts", "ask"} {
		t.Run(accept, func(t *testing.T) {
			onTestbed(t, func(t *testing.T, w *testbed) {
				w.set(w.peers[1], "accept = \"all\"", "accept = \""+accept+"\"")
				bob := w.start(w.peers[1], "", "receive")
				time.Sleep(time.Second)
				key, err := identity.GenerateKey()
				if err != nil {
					t.Fatal(err)
				}
				guid, err := identity.ParseGUID(w.peers[1].guid)
				if err != nil {
					t.Fatal(err)
				}
				p, err := p2p.NewPeer(p2p.PeerOptions{Key: key, Server: testbedServer + ":3478", Calling: true, Network: w.peers[0].host})
				if err != nil {
					t.Fatal(err)
				}
				defer p.Close()
				l, err := p.Connect(t.Context(), guid, p2p.ConnectOptions{Kind: kindFile})
				if err != nil {
					t.Fatal(err)
				}
				declined := 0
				for range offers {
					s, err := l.OpenStream(kindFile)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := transfer.Send(t.Context(), s, transfer.Source{Reader: strings.NewReader("unasked"), Name: "unasked"}, transfer.SendOptions{}); err != nil {
						declined++
					}
				}
				bob.stop()
				if n := bob.count("offer"); declined != offers || n < 1 || n > offerRate.Burst+5 {
					t.Errorf("%d of %d offers declined, %d reported, want at most %d", declined, offers, n, offerRate.Burst+5)
				}
				if n := strings.Count(bob.output(), "\n"); n > 200 {
					t.Errorf("%d lines:\n%s", n, bob.output())
				}
			})
		})
	}
}
