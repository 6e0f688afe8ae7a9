package endtoend

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"p2ptool/internal/natlab"
)

// TestSymmetric: one side's NAT is symmetric and the other's filters by port. A transfer begins
// over the relay and continues on a direct path, found by birthday probing or by port
// prediction.
func TestSymmetric(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b   natlab.Kind
		within time.Duration // the limit from the link to the direct path
		chance bool          // about 2 in 100 rounds of birthday probing fail
	}{
		{natlab.Symmetric, natlab.PortRestricted, 3 * time.Second, true},
		{natlab.PortRestricted, natlab.Symmetric, 3 * time.Second, true},
		{natlab.Symmetric, natlab.BareMasquerade, 3 * time.Second, true},
		{natlab.SymmetricSequential, natlab.PortRestricted, 2 * time.Second, false},
		{natlab.PortRestricted, natlab.SymmetricSequential, 2 * time.Second, false},
		{natlab.SymmetricSequential, natlab.SymmetricSequential, 2 * time.Second, false},
	} {
		t.Run(fmt.Sprintf("%v to %v", tt.a, tt.b), func(t *testing.T) {
			t.Parallel()
			tries, needed := either(20, 1), either(20, 1)
			if tt.chance {
				tries, needed = either(20, 3), either(19, 1)
			}
			var took []time.Duration
			for i := 0; i < tries && (full() || len(took) < needed); i++ {
				if d, ok := newScene(t, tt.a, tt.b).widens(t); ok {
					took = append(took, d)
				}
			}
			if len(took) < needed {
				t.Fatalf("a direct path in %d of %d runs", len(took), tries)
			}
			slices.Sort(took)
			if last := took[len(took)-1]; last > tt.within {
				t.Errorf("the direct path was found %v after the link", last)
			}
			t.Logf("direct in %d runs, %v after the link at the earliest, median %v, last %v", len(took), took[0], took[len(took)/2], took[len(took)-1])
		})
	}
}

// widens sends a file that begins over the relay. It reports whether a direct path was found,
// and how long after the link. From then on nothing passes the server, and the file arrives.
func (s *scene) widens(t *testing.T) (after time.Duration, ok bool) {
	t.Helper()
	writeFile(t, s.ann.path("out/file"), 12*mB, 1)
	receiver := s.bob.receive("--once")
	sender := s.ann.run("send", "out/file", "--to", s.bob.guid, "--limit", "4MB/s")
	connected := sender.await(connectWithin, "link", is("connected"))
	direct := onPath("direct")
	over := func(e event) bool { return direct(e) || e.Event == "done" }
	first := sender.await(patience, "direct path", over)
	if ok = direct(first) && direct(receiver.await(patience, "direct path", over)); ok {
		s.host.Cut()
	}
	sender.end(0)
	receiver.end(0)
	sameBytes(t, sender, receiver, s.ann.path("out"), s.bob.path("in"))
	if ok && (sender.path() != "direct" || receiver.path() != "direct") {
		t.Errorf("the final path of the sender is %q, of the receiver %q", sender.path(), receiver.path())
	}
	return first.seen.Sub(connected.seen).Round(time.Millisecond), ok
}

// TestHairpin has both users behind one router, in networks that are connected only by it. The
// path is direct if the router supports hairpinning, and relayed otherwise.
func TestHairpin(t *testing.T) {
	t.Parallel()
	for _, turns := range []bool{true, false} {
		t.Run(fmt.Sprintf("hairpin %v", turns), func(t *testing.T) {
			t.Parallel()
			s := newInternet(t)
			router := s.lab.Router(outerA, natlab.FullCone)
			a, b := router.Host("192.168.1.2"), router.Host("192.168.1.3")
			a.Part(b)
			if turns {
				router.Hairpin()
			}
			s.ann, s.bob = newPeer(t, "ann", inside{a}, serverAddr), newPeer(t, "bob", inside{b}, serverAddr)
			s.pass(t, 2*mB, map[bool]string{true: "direct", false: "relay"}[turns])
		})
	}
}
