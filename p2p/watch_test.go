package p2p_test

import (
	"testing"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p"
	"p2ptool/p2p/udp"
)

// silent is a network that does not report changes of its addresses.
type silent struct{ udp.Network }

// A peer whose address changes uses the new one at once if the system reports the
// change, and otherwise when it next looks at its addresses.
func TestAddressChangeIsNoticed(t *testing.T) {
	for name, tt := range map[string]struct {
		network func(*netsim.Host) udp.Network
		within  time.Duration
	}{
		"told":   {func(h *netsim.Host) udp.Network { return h }, 500 * time.Millisecond},
		"looked": {func(h *netsim.Host) udp.Network { return silent{h} }, 3500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				nat, ha := w.behind("198.51.100.1", "192.168.1.2", netsim.PortRestricted)
				_, hb := w.behind("198.51.100.2", "192.168.1.2", netsim.PortRestricted)
				a, b := w.peer(tt.network(ha), nil), w.peer(hb, nil)
				l, _ := mustConnect(t, a, b)
				time.Sleep(5*time.Second + 100*time.Millisecond)
				before := count[p2p.PathChanged](b)
				ha.Move(nat.Realm, "192.168.1.77")
				time.Sleep(tt.within)
				if count[p2p.PathChanged](b) == before {
					t.Errorf("the other end learned nothing within %v", tt.within)
				}
				checkEcho(t, l, 10_000)
				if l.Path().Kind != p2p.PathDirect {
					t.Errorf("the path is %v", l.Path())
				}
				a.Close()
				b.Close()
			})
		})
	}
}
