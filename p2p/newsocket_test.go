package p2p_test

import (
	"testing"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p"
)

// Without a router between the NATs, the first packet of one side always reaches the other NAT too
// early. A new socket fixes that, even with birthday probing turned off, and carries the link.
func TestNewSocket(t *testing.T) {
	for name, kinds := range map[string][2]netsim.Kind{
		"the caller's is bare": {netsim.BareMasquerade, netsim.PortRestricted},
		"the callee's is bare": {netsim.PortRestricted, netsim.BareMasquerade},
		"both are":             {netsim.BareMasquerade, netsim.BareMasquerade},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.net.SetHops(0)
				a, b, la, lb := w.pair(kinds[0], kinds[1], func(o *p2p.PeerOptions) { o.NoSpray = true })
				if took, ok := until(t, p2p.PathDirect, 3*time.Second, la, lb); !ok {
					t.Errorf("after %v the paths are %v and %v", took, la.Path(), lb.Path())
				}
				before := w.server.Stats().Relayed
				checkEcho(t, la, 100_000)
				time.Sleep(time.Minute)
				checkEcho(t, lb, 100_000)
				if n := w.server.Stats().Relayed - before; n > 10_000 {
					t.Errorf("%d bytes were relayed", n)
				}
				a.Close()
				b.Close()
			})
		})
	}
}

// If new sockets do not help, the peer opens only a few and leaves none of them open.
func TestNewSocketsAreLimited(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		_, ha := w.behind("198.51.100.1", "192.168.1.2", netsim.PortRestricted)
		_, hb := w.behind("198.51.100.2", "192.168.1.2", netsim.PortRestricted)
		sockets := &counting{Network: ha, limit: 100}
		muted(sockets)
		a, b := w.peer(sockets, nil), w.peer(hb, nil)
		if _, err := a.NAT(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := sockets.opened()
		l, _ := mustConnect(t, a, b)
		time.Sleep(9 * time.Minute)
		if n := sockets.opened() - before; n != 3 {
			t.Errorf("%d new sockets in ten minutes, want 3", n)
		}
		if l.Path().Kind != p2p.PathRelay {
			t.Errorf("path %v", l.Path())
		}
		a.Close()
		if n := sockets.now(); n != 0 {
			t.Errorf("%d sockets are open at the end", n)
		}
		b.Close()
	})
}
