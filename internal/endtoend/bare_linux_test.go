package endtoend

import (
	"fmt"
	"testing"
	"time"

	"p2ptool/internal/natlab"
)

// TestBareMasquerade has few routers between two NATs, one of which is a BareMasquerade: a
// packet that reaches it unasked changes its mapping. An opener with too long a time to live
// does that, and if no router lies between the NATs every opener does.
func TestBareMasquerade(t *testing.T) {
	t.Parallel()
	const (
		bare   = natlab.BareMasquerade
		strict = natlab.PortRestricted
		within = 3 * time.Second
	)
	for _, tt := range []struct {
		a, b []natlab.Kind // from the outermost inwards
		hops []int
	}{
		{[]natlab.Kind{bare}, []natlab.Kind{strict}, either([]int{0, 1, 2, 3, 4, 5, 6, 7, 8}, []int{0, 1, 3})},
		{[]natlab.Kind{strict}, []natlab.Kind{bare}, either([]int{0, 1, 2, 3, 4, 5, 6, 7, 8}, []int{0, 2})},
		{[]natlab.Kind{bare}, []natlab.Kind{bare}, either([]int{1, 2, 3, 4, 5, 6, 7, 8}, []int{1, 2})},
		{[]natlab.Kind{bare}, []natlab.Kind{natlab.AddressRestricted}, either([]int{0, 1, 2, 3, 4, 5, 6, 7, 8}, []int{1})},
		{[]natlab.Kind{bare}, []natlab.Kind{bare, strict}, either([]int{1, 2, 3, 4, 5, 6, 7, 8}, []int{1})},
		{[]natlab.Kind{strict, bare}, []natlab.Kind{bare}, either([]int{1, 2, 3, 4, 5, 6, 7, 8}, []int{2})},
	} {
		t.Run(fmt.Sprintf("%v to %v", tt.a, tt.b), func(t *testing.T) {
			t.Parallel()
			for _, hops := range tt.hops {
				s := newInternet(t)
				s.lab.SetHops(hops)
				s.ann = newPeer(t, "ann", inside{s.behind(outerA, tt.a, "192.168.1.2")}, serverAddr)
				s.bob = newPeer(t, "bob", inside{s.behind(outerB, tt.b, "192.168.2.2")}, serverAddr)
				waiting := s.bob.run("run")
				waiting.await(patience, "readiness", is("listening"))
				talk := s.ann.run("chat", s.bob.guid, "--linger", "4s")
				took := talk.since(talk.await(patience, "a direct path", onPath("direct")))
				if took > within {
					t.Errorf("%d hops: direct after %v", hops, took)
				}
				t.Logf("%d hops: direct after %v", hops, took.Round(time.Millisecond))
				talk.kill()
				waiting.kill()
			}
		})
	}
}

// behind adds a host behind a chain of NATs.
func (s *scene) behind(addr string, kinds []natlab.Kind, inner string) *natlab.Host {
	r := s.lab.Router(addr, kinds[0])
	for i, kind := range kinds[1:] {
		r = r.Router(fmt.Sprintf("100.64.%d.2", i), kind)
	}
	return r.Host(inner)
}
