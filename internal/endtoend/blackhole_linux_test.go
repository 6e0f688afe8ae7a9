package endtoend

import (
	"testing"
	"time"

	"p2ptool/internal/natlab"
)

// TestBlackHole: a router silently drops packets that are longer than its limit, from the
// start or suddenly, on the direct path or on the path to the relay.
func TestBlackHole(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		longest  int // bytes of IPv4 packets
		kind     natlab.Kind
		suddenly bool
	}{
		{"576, direct, from the start", 576, natlab.PortRestricted, false},
		{"1000, direct, suddenly", 1000, natlab.PortRestricted, true},
		{"1000, relayed, from the start", 1000, natlab.Symmetric, false},
		{"576, relayed, suddenly", 576, natlab.Symmetric, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, tt.kind, tt.kind)
			if tt.suddenly {
				s.during(t, 5*time.Second, func(*program) { s.routerB.DropLonger(tt.longest) })
				return
			}
			s.routerB.DropLonger(tt.longest)
			writeFile(t, s.ann.path("out/file"), 1*mB, 1)
			receiver := s.bob.receive("--once")
			sender := s.ann.run("send", "out/file", "--to", s.bob.guid)
			e := receiver.await(patience, "data", beyond(0))
			if d := e.seen.Sub(sender.begun); d > 5*time.Second {
				t.Errorf("data %v after the sender's start", d)
			}
			sender.end(0)
			receiver.end(0)
			sameBytes(t, sender, receiver, s.ann.path("out"), s.bob.path("in"))
		})
	}
}
