package endtoend

import (
	"testing"

	"p2ptool/internal/natlab"
)

// TestNeighbours: two users without a server, or with one that is out of reach, find each
// other on their local network.
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

// TestNeighboursByIPv6: the same with only link-local addresses, only unique local ones, or both.
func TestNeighboursByIPv6(t *testing.T) {
	t.Parallel()
	const one, two = "fd07::2/64", "fd07::3/64"
	for name, cable := range map[string]func(*natlab.Lab) (*natlab.Host, *natlab.Host){
		"link-local":   func(l *natlab.Lab) (*natlab.Host, *natlab.Host) { return l.Cable("", "") },
		"unique local": func(l *natlab.Lab) (*natlab.Host, *natlab.Host) { return l.CableOf(one, two) },
		"both":         func(l *natlab.Lab) (*natlab.Host, *natlab.Host) { return l.Cable(one, two) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &scene{lab: natlab.New(t)}
			one, two := cable(s.lab)
			s.ann = newPeer(t, "ann", inside{one}, "")
			s.bob = newPeer(t, "bob", inside{two}, "")
			s.pass(t, 2*mB, "lan")
		})
	}
}
