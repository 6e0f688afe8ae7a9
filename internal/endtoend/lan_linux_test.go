package endtoend

import (
	"testing"

	"p2ptool/internal/natlab"
)

// TestNeighbours have no server, or one that is out of reach, and find each other
// on their network.
func TestNeighbours(t *testing.T) {
	t.Parallel()
	for name, server := range map[string]string{"no server": "", "dead server": "192.168.7.1:3478"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &scene{lab: natlab.New(t)}
			one, two := s.lab.Cable("192.168.7.2/24", "192.168.7.3/24")
			s.ann = newPeer(t, "ann", inside{one}, server)
			s.bob = newPeer(t, "bob", inside{two}, "")
			s.pass(t, 2*mB, "lan")
		})
	}
}
