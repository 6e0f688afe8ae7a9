package endtoend

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"p2ptool/p2p"
	"p2ptool/p2p/identity"
	"p2ptool/transfer"
)

const (
	strangers     = 60
	crowdMemory   = 64 << 20 // by which a program may grow for them
	crowdRoutines = 3000     // goroutines that it may have for them
	crowdLines    = 500      // lines that it may print about them
	idleWork      = 0.05     // of a processor, for all of them when they do nothing
)

// A crowd are links of strangers to one program.
type crowd struct {
	t     *testing.T
	peers []*p2p.Peer
	links []*p2p.Link
	acts  sync.WaitGroup
}

// newCrowd links strangers to a peer's process that accepts streams of a kind.
func newCrowd(t *testing.T, server, guid, kind string) *crowd {
	t.Helper()
	to, err := identity.ParseGUID(guid)
	if err != nil {
		t.Fatal(err)
	}
	c := &crowd{t: t}
	for range strangers {
		key, err := identity.GenerateKey()
		if err != nil {
			t.Fatal(err)
		}
		p, err := p2p.NewPeer(p2p.PeerOptions{Key: key, Server: server, Calling: true, Listen: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		c.peers = append(c.peers, p)
		l, err := p.Connect(t.Context(), to, p2p.ConnectOptions{Kind: kind})
		if err != nil {
			t.Fatal(err)
		}
		c.links = append(c.links, l)
	}
	return c
}

// attack has each link open as many streams as it may of every kind: that say nothing, that say garbage, that chat
// and do not read, that offer files, and that hold data which nobody wants.
func (c *crowd) attack() {
	ways := []struct {
		kind string
		say  func(s *p2p.Stream)
	}{
		{"chat", func(*p2p.Stream) {}},
		{"chat", c.garbage},
		{"file", func(*p2p.Stream) {}},
		{"file", c.garbage},
		{"file", c.offer},
		{"bench", func(*p2p.Stream) {}},
		{"bench", c.garbage},
		{p2p.ViewKind, func(*p2p.Stream) {}},
		{"other", c.garbage},
	}
	for _, l := range c.links {
		for i := range 126 {
			way := ways[i%len(ways)]
			s, err := l.OpenStream(way.kind)
			if err != nil {
				break
			}
			c.acts.Go(func() { way.say(s) })
		}
	}
}

func (c *crowd) garbage(s *p2p.Stream) {
	b := make([]byte, 60<<10)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	s.Write(b)
}

// offer offers many files, over and over, and reads no answer but the first.
func (c *crowd) offer(s *p2p.Stream) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	transfer.Send(ctx, s, transfer.Source{Reader: io.LimitReader(zeros{}, 1<<30), Name: strings.Repeat("x", 200)}, transfer.SendOptions{})
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func (c *crowd) close() {
	for _, p := range c.peers {
		c.acts.Go(func() { p.Close() })
	}
	c.acts.Wait()
}

// routines ends a program and returns how many goroutines it had.
func routines(p *program) int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		p.t.Fatal(err)
	}
	<-p.done
	return strings.Count(p.said(), "\ngoroutine ")
}

// processor returns the processor time that a process has taken.
func processor(t *testing.T, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	var ticks int
	for _, f := range fields[11:13] {
		n, _ := strconv.Atoi(string(f))
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// Sixty strangers who open streams of every kind, offer, chat and send what nobody reads make a peer grow by a
// bounded amount, and cost next to nothing when they do nothing.
func TestStrangersCost(t *testing.T) {
	watched := either(10*time.Second, 3*time.Second)
	_, addr := serve(t, here{}, "127.0.0.1:0")
	bob := newPeer(t, "bob", here{}, addr)
	for kind, args := range map[string][]string{"": {"run"}, "file": {"receive"}, "chat": {"chat", "68429100-a5f0-8c6f-9d4e-4a9e9dd0d2b1", "--wait", "1h"}} {
		if kind == "chat" && !full() {
			continue
		}
		t.Run(args[0], func(t *testing.T) {
			p := bob.run(args...)
			ready := "registered"
			if kind == "chat" {
				ready = "waiting"
			}
			p.await(patience, "readiness", is(ready))
			pid := p.cmd.Process.Pid
			before := highWater(pid)
			c := newCrowd(t, addr, bob.guid, kind)
			linked := highWater(pid)
			time.Sleep(3 * time.Second)
			idle, began := processor(t, pid), time.Now()
			time.Sleep(watched)
			work := float64(processor(t, pid)-idle) / float64(time.Since(began))
			c.attack()
			time.Sleep(5 * time.Second)
			busy, began := processor(t, pid), time.Now()
			time.Sleep(watched)
			attacked := float64(processor(t, pid)-busy) / float64(time.Since(began))
			grown := highWater(pid) - before
			lines := strings.Count(p.said(), "\n") + len(p.all(is("error")))
			n := routines(p)
			c.close()
			t.Logf("%d strangers: %d KiB for their links, %d KiB under attack, %d goroutines, %d lines; %.1f %% of a processor when idle, %.1f %% under attack",
				strangers, (linked-before)>>10, grown>>10, n, lines, 100*work, 100*attacked)
			if grown > crowdMemory {
				t.Errorf("it grew by %d KiB, want at most %d", grown>>10, crowdMemory>>10)
			}
			if n > crowdRoutines {
				t.Errorf("it had %d goroutines, want at most %d", n, crowdRoutines)
			}
			if lines > crowdLines {
				t.Errorf("it printed %d lines, want at most %d", lines, crowdLines)
			}
			if work > idleWork {
				t.Errorf("idle strangers took %.1f %% of a processor", 100*work)
			}
		})
	}
}
