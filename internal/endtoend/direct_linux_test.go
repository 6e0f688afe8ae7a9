package endtoend

import (
	"fmt"
	"testing"
	"time"

	"p2ptool/internal/natlab"
)

// connectWithin limits the time from a sender's start to the right path. It covers the start of
// the program, a round trip to the server, a few between the peers (12 ms here), and a busy
// machine.
const connectWithin = 2 * time.Second

func TestNATs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b natlab.Kind
		path string
	}{
		{natlab.PortRestricted, natlab.PortRestricted, "direct"},
		{natlab.BareMasquerade, natlab.PortRestricted, "direct"},
		{natlab.PortRestricted, natlab.BareMasquerade, "direct"},
		{natlab.BareMasquerade, natlab.BareMasquerade, "direct"},
		{natlab.FullCone, natlab.Symmetric, "direct"},
		{natlab.Symmetric, natlab.FullCone, "direct"},
		{natlab.AddressRestricted, natlab.Symmetric, "direct"},
		{natlab.Symmetric, natlab.AddressRestricted, "direct"},
		{natlab.FullCone, natlab.SymmetricSequential, "direct"},
		{natlab.Symmetric, natlab.Symmetric, "relay"},
		{natlab.SymmetricSequential, natlab.Symmetric, "relay"},
	} {
		t.Run(fmt.Sprintf("%v to %v", tt.a, tt.b), func(t *testing.T) {
			t.Parallel()
			for range either(20, 1) {
				s := newScene(t, tt.a, tt.b)
				s.pass(t, 2*mB, tt.path)
				if n := carried(t, s.host); tt.path == "direct" && n > mB {
					t.Errorf("the server received %d bytes of a direct transfer", n)
				}
			}
		})
	}
}

// TestDoubleNAT has a user behind a home router that is itself behind the provider's NAT.
func TestDoubleNAT(t *testing.T) {
	t.Parallel()
	for _, provider := range []natlab.Kind{natlab.PortRestricted, natlab.FullCone} {
		t.Run(provider.String(), func(t *testing.T) {
			t.Parallel()
			s := newInternet(t)
			home := s.lab.Router(outerA, provider).Router("100.64.0.2", natlab.PortRestricted)
			s.ann = newPeer(t, "ann", inside{home.Host("192.168.1.2")}, serverAddr)
			s.bob = newPeer(t, "bob", inside{s.lab.Router(outerB, natlab.PortRestricted).Host("192.168.2.2")}, serverAddr)
			s.pass(t, 2*mB, "direct")
		})
	}
}

// TestSameLAN has both users behind one router that does not support hairpinning.
func TestSameLAN(t *testing.T) {
	t.Parallel()
	s := newInternet(t)
	router := s.lab.Router(outerA, natlab.PortRestricted)
	s.ann = newPeer(t, "ann", inside{router.Host("192.168.1.2")}, serverAddr)
	s.bob = newPeer(t, "bob", inside{router.Host("192.168.1.3")}, serverAddr)
	s.pass(t, 2*mB, "lan")
}

// TestLargeFile and TestManyFiles use two ordinary Linux routers.
func TestLargeFile(t *testing.T) {
	t.Parallel()
	newScene(t, natlab.PortRestricted, natlab.PortRestricted).pass(t, either[int64](200*mB, 50*mB), "direct")
}

func TestManyFiles(t *testing.T) {
	t.Parallel()
	s := newScene(t, natlab.PortRestricted, natlab.PortRestricted)
	writeTree(t, s.ann.path("out/tree"), either(10_000, 2_000))
	s.send(t, "out/tree", "direct")
}

// pass sends a file from ann to bob and checks the path that it takes.
func (s *scene) pass(t *testing.T, size int64, path string) {
	t.Helper()
	writeFile(t, s.ann.path("out/file"), size, 1)
	s.send(t, "out/file", path)
}

// send sends a file or folder of ann's to bob, who has nothing yet, and checks the path that
// it takes.
func (s *scene) send(t *testing.T, what, path string) {
	t.Helper()
	receiver := s.bob.receive("--once")
	sender := s.ann.run("send", what, "--to", s.bob.guid)
	first := sender.await(patience, "link", is("connected"))
	sender.end(0)
	receiver.end(0)
	sameBytes(t, sender, receiver, s.ann.path("out"), s.bob.path("in"))
	for _, p := range []*program{sender, receiver} {
		if got := p.path(); got != path {
			t.Errorf("%s is on path %q, want %q", p.name, got, path)
		}
	}
	at := sender.await(0, "the right path", onPath(path))
	if d := sender.since(at); d > connectWithin {
		t.Errorf("path %q after %v", path, d)
	}
	done := sender.await(0, "end", is("done"))
	t.Logf("%s after %v, %s after %v, %.1f ms; %d files, %.1f MB in %.2f s, %.1f MB/s",
		first.Path, sender.since(first).Round(time.Millisecond), path, sender.since(at).Round(time.Millisecond), at.RTT,
		done.Files, float64(done.Bytes)/mB, done.Seconds, float64(done.Bytes)/mB/done.Seconds)
}
