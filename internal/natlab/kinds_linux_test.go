package natlab

import (
	"net/netip"
	"testing"
)

// TestSequence: each new mapping has the port after the previous mapping's, whichever host
// it is for.
func TestSequence(t *testing.T) {
	t.Parallel()
	s := newScene(t, SymmetricSequential)
	second := open(t, s.router.Host("192.168.1.3"), "0.0.0.0:5000")
	first := observed(s.in, s.asked).Port()
	for i, got := range []netip.AddrPort{observed(s.in, s.port2), observed(second, s.asked), observed(s.in, s.o)} {
		if want := first + 1 + uint16(i); got.Port() != want {
			t.Errorf("mapped to %v, want port %d", got, want)
		}
	}
	if again := observed(s.in, s.asked).Port(); again != first {
		t.Errorf("the first mapping now has port %d, not %d", again, first)
	}
}

// TestHairpin: behind a router that supports hairpinning, hosts reach each other by its outer
// address, and see each other's outer address.
func TestHairpin(t *testing.T) {
	t.Parallel()
	for _, kind := range []Kind{FullCone, AddressRestricted} {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, kind)
			second := open(t, s.router.Host("192.168.1.3"), "0.0.0.0:5001")
			a, b := observed(s.in, s.asked), observed(second, s.asked)
			early := open(t, s.host, "0.0.0.0:5002")
			early.send(b, "not turned around")
			observed(early, s.asked) // behind the router
			s.router.Hairpin()
			s.in.send(b, "turned around")
			if g := second.next(); g.data != "turned around" || g.from != a {
				t.Errorf("%q came from %v, want it from %v", g.data, g.from, a)
			}
			second.send(a, "and back")
			if g := s.in.next(); g.data != "and back" || g.from != b {
				t.Errorf("%q came from %v, want it from %v", g.data, g.from, b)
			}
		})
	}
}
