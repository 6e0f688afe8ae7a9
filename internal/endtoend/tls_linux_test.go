package endtoend

import (
	"testing"
	"time"

	"p2ptool/internal/natlab"
)

// relayWithin limits the time from a sender's start to its connection in a network that blocks
// UDP.
const relayWithin = 5 * time.Second

// TestUDPBlocked: a router at one end or at both blocks UDP. The transfer takes the relay over
// TLS.
func TestUDPBlocked(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name             string
		sender, receiver bool
	}{
		{"sender", true, false},
		{"receiver", false, true},
		{"both", true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, natlab.PortRestricted, natlab.PortRestricted)
			path := map[bool]string{true: "tcp-relay", false: "relay"}
			if tt.sender {
				s.routerA.BlockUDP()
			}
			if tt.receiver {
				s.routerB.BlockUDP()
			}
			writeFile(t, s.ann.path("out/file"), 5*mB, 1)
			receiver := s.bob.receive("--once")
			sender := s.ann.run("send", "out/file", "--to", s.bob.guid)
			e := sender.await(relayWithin, "link", is("connected"))
			sender.end(0)
			receiver.end(0)
			sameBytes(t, sender, receiver, s.ann.path("out"), s.bob.path("in"))
			if got := sender.path(); got != path[tt.sender] {
				t.Errorf("the sender is on path %q, want %q", got, path[tt.sender])
			}
			if got := receiver.path(); got != path[tt.receiver] {
				t.Errorf("the receiver is on path %q, want %q", got, path[tt.receiver])
			}
			if d := sender.since(e); d > relayWithin {
				t.Errorf("connected %v after its start", d)
			}
			done := sender.await(0, "end", is("done"))
			t.Logf("%s after %v; %.1f MB/s", e.Path, sender.since(e).Round(time.Millisecond), float64(done.Bytes)/mB/done.Seconds)
		})
	}
}

// TestUDPBlockedForATime: a transfer begins on a direct path, continues over TLS when the
// sender's router blocks UDP, and returns to a direct path when it no longer does.
func TestUDPBlockedForATime(t *testing.T) {
	t.Parallel()
	s := newScene(t, natlab.PortRestricted, natlab.PortRestricted)
	receiver := s.bob.receive("--once")
	cmd := s.ann.command("send", "-", "--name", "stream", "--to", s.bob.guid)
	pipe, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	sender := start(t, s.ann.on, "ann: p2ptool send -", cmd)
	source := trickle(t, pipe)
	receiver.await(patience, "progress", beyond(2*mB))

	blocked, at := time.Now(), sender.mark()
	s.routerA.BlockUDP()
	e := sender.awaitFrom(at, 15*time.Second, "relay over TLS", onPath("tcp-relay"))
	t.Logf("on the relay over TLS %v after UDP was blocked", e.seen.Sub(blocked).Round(time.Millisecond))
	receiver.awaitFrom(receiver.mark(), 5*time.Second, "progress by the relay", is("progress"))
	t.Logf("nothing arrived for %v", longestStall(receiver, blocked).Round(time.Millisecond))

	allowed, at := time.Now(), sender.mark()
	s.routerA.AllowUDP()
	e = sender.awaitFrom(at, 70*time.Second, "direct path", onPath("direct"))
	t.Logf("direct %v after UDP was allowed again", e.seen.Sub(allowed).Round(time.Millisecond))

	size, sum := source.end()
	sender.end(0)
	receiver.end(0)
	if got := digests(t, s.bob.path("in")); len(got) != 1 || got["stream"] != sum {
		t.Errorf("%d bytes arrived as %v, want %s", size, got, sum)
	}
}

// TestTCPBlackHole: a router silently drops packets longer than a limit, also those of TCP, from
// the start or suddenly. If UDP is blocked, or the limit is too low for it, TLS still works.
func TestTCPBlackHole(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		longest  int // bytes of IPv4 packets
		udp      bool
		suddenly bool
	}{
		{"1000, no UDP, from the start", 1000, false, false},
		{"500, no UDP, suddenly", 500, false, true},
		{"500, from the start", 500, true, false},
		{"500, suddenly", 500, true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, natlab.Symmetric, natlab.Symmetric)
			if !tt.udp {
				s.routerA.BlockUDP()
			}
			if tt.suddenly {
				s.during(t, 10*time.Second, func(*program) { s.routerA.DropLonger(tt.longest) })
				return
			}
			s.routerA.DropLonger(tt.longest)
			writeFile(t, s.ann.path("out/file"), 1*mB, 1)
			receiver := s.bob.receive("--once")
			sender := s.ann.run("send", "out/file", "--to", s.bob.guid)
			e := receiver.await(patience, "data", beyond(0))
			if d := e.seen.Sub(sender.begun); d > 8*time.Second {
				t.Errorf("data %v after the sender's start", d)
			}
			sender.end(0)
			receiver.end(0)
			sameBytes(t, sender, receiver, s.ann.path("out"), s.bob.path("in"))
		})
	}
}
