package p2p_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p"
)

// A move is a network change during a transfer.
type move struct {
	name   string
	a, b   netsim.Kind
	change func(w *world, m *moved)
}

// moved holds the hosts and NATs that a move can change.
type moved struct {
	natA, natB   *netsim.NAT
	hostA, hostB *netsim.Host
}

// moves lists the network changes to test. The sender is a, which called; the receiver is b.
var moves = []move{
	{"direct, sender's network", netsim.PortRestricted, netsim.PortRestricted, func(w *world, m *moved) { w.toAnother(m.hostA, 1) }},
	{"direct, receiver's network", netsim.PortRestricted, netsim.PortRestricted, func(w *world, m *moved) { w.toAnother(m.hostB, 2) }},
	{"direct, both networks", netsim.PortRestricted, netsim.PortRestricted, func(w *world, m *moved) { w.toAnother(m.hostA, 1); w.toAnother(m.hostB, 2) }},
	{"direct, sender's outer address", netsim.PortRestricted, netsim.PortRestricted, func(w *world, m *moved) { m.natA.Readdress("198.51.100.11") }},
	{"direct, receiver's outer address", netsim.PortRestricted, netsim.PortRestricted, func(w *world, m *moved) { m.natB.Readdress("198.51.100.12") }},
	{"direct, both outer addresses", netsim.PortRestricted, netsim.PortRestricted, func(w *world, m *moved) {
		m.natA.Readdress("198.51.100.11")
		m.natB.Readdress("198.51.100.12")
	}},
	{"direct, sender's own address", netsim.PortRestricted, netsim.PortRestricted, func(w *world, m *moved) { m.hostA.Move(m.natA.Realm, "192.168.1.77") }},
	{"direct, receiver's own address", netsim.PortRestricted, netsim.PortRestricted, func(w *world, m *moved) { m.hostB.Move(m.natB.Realm, "192.168.1.77") }},
	{"direct, sender's mapping", netsim.PortRestricted, netsim.PortRestricted, func(w *world, m *moved) { m.natA.Rebind() }},
	{"direct, both mappings", netsim.PortRestricted, netsim.PortRestricted, func(w *world, m *moved) { m.natA.Rebind(); m.natB.Rebind() }},
	{"bare, sender's network", netsim.BareMasquerade, netsim.BareMasquerade, func(w *world, m *moved) { w.toAnother(m.hostA, 1) }},
	{"bare, receiver's outer address", netsim.BareMasquerade, netsim.BareMasquerade, func(w *world, m *moved) { m.natB.Readdress("198.51.100.12") }},
	{"direct, sender offline for 0.5 s", netsim.PortRestricted, netsim.PortRestricted, func(w *world, m *moved) { w.offline(m.hostA, m.natA.Realm, 500*time.Millisecond) }},
	{"direct, sender offline for 1.5 s", netsim.PortRestricted, netsim.PortRestricted, func(w *world, m *moved) { w.offline(m.hostA, m.natA.Realm, 1500*time.Millisecond) }},
	{"direct, sender offline for 4 s", netsim.PortRestricted, netsim.PortRestricted, func(w *world, m *moved) { w.offline(m.hostA, m.natA.Realm, 4*time.Second) }},
	{"direct, receiver offline for 1.5 s", netsim.PortRestricted, netsim.PortRestricted, func(w *world, m *moved) { w.offline(m.hostB, m.natB.Realm, 1500*time.Millisecond) }},
	{"direct, receiver offline for 4 s", netsim.PortRestricted, netsim.PortRestricted, func(w *world, m *moved) { w.offline(m.hostB, m.natB.Realm, 4*time.Second) }},
	{"relayed, sender offline for 1.5 s", netsim.Symmetric, netsim.Symmetric, func(w *world, m *moved) { w.offline(m.hostA, m.natA.Realm, 1500*time.Millisecond) }},
	{"relayed, sender offline for 4 s", netsim.Symmetric, netsim.Symmetric, func(w *world, m *moved) { w.offline(m.hostA, m.natA.Realm, 4*time.Second) }},
	{"relayed, receiver offline for 4 s", netsim.Symmetric, netsim.Symmetric, func(w *world, m *moved) { w.offline(m.hostB, m.natB.Realm, 4*time.Second) }},
	{"direct, sender there and back in 0.4 s", netsim.PortRestricted, netsim.PortRestricted, func(w *world, m *moved) { w.thereAndBack(m.hostA, m.natA.Realm, 400*time.Millisecond) }},
	{"direct, sender there and back in 2 s", netsim.PortRestricted, netsim.PortRestricted, func(w *world, m *moved) { w.thereAndBack(m.hostA, m.natA.Realm, 2*time.Second) }},
	{"direct, receiver there and back in 2 s", netsim.PortRestricted, netsim.PortRestricted, func(w *world, m *moved) { w.thereAndBack(m.hostB, m.natB.Realm, 2*time.Second) }},
	{"direct, receiver there and back in 9 s", netsim.PortRestricted, netsim.PortRestricted, func(w *world, m *moved) { w.thereAndBack(m.hostB, m.natB.Realm, 9*time.Second) }},
	{"relayed, sender there and back in 0.4 s", netsim.Symmetric, netsim.Symmetric, func(w *world, m *moved) { w.thereAndBack(m.hostA, m.natA.Realm, 400*time.Millisecond) }},
	{"relayed, sender there and back in 2 s", netsim.Symmetric, netsim.Symmetric, func(w *world, m *moved) { w.thereAndBack(m.hostA, m.natA.Realm, 2*time.Second) }},
	{"relayed, sender there and back in 9 s", netsim.Symmetric, netsim.Symmetric, func(w *world, m *moved) { w.thereAndBack(m.hostA, m.natA.Realm, 9*time.Second) }},
	{"direct, sender's router jams", netsim.PortRestricted, netsim.PortRestricted, func(w *world, m *moved) { m.natA.Jam() }},
	{"direct, receiver's router jams", netsim.PortRestricted, netsim.PortRestricted, func(w *world, m *moved) { m.natB.Jam() }},
	{"relayed, sender's router jams", netsim.Symmetric, netsim.Symmetric, func(w *world, m *moved) { m.natA.Jam() }},
	{"relayed, receiver's router jams", netsim.Symmetric, netsim.Symmetric, func(w *world, m *moved) { m.natB.Jam() }},
	{"relayed, sender's network", netsim.Symmetric, netsim.Symmetric, func(w *world, m *moved) { w.toAnother(m.hostA, 1) }},
	{"relayed, receiver's network", netsim.Symmetric, netsim.Symmetric, func(w *world, m *moved) { w.toAnother(m.hostB, 2) }},
	{"relayed, both networks", netsim.Symmetric, netsim.Symmetric, func(w *world, m *moved) { w.toAnother(m.hostA, 1); w.toAnother(m.hostB, 2) }},
	{"relayed, sender's outer address", netsim.Symmetric, netsim.Symmetric, func(w *world, m *moved) { m.natA.Readdress("198.51.100.11") }},
	{"relayed, receiver's outer address", netsim.Symmetric, netsim.Symmetric, func(w *world, m *moved) { m.natB.Readdress("198.51.100.12") }},
	{"relayed, both outer addresses", netsim.Symmetric, netsim.Symmetric, func(w *world, m *moved) {
		m.natA.Readdress("198.51.100.11")
		m.natB.Readdress("198.51.100.12")
	}},
}

// offline removes a host's address for a while.
func (w *world) offline(h *netsim.Host, back *netsim.Realm, gap time.Duration) {
	h.Move(back)
	time.Sleep(gap)
	h.Move(back, "192.168.1.99")
}

// thereAndBack moves a host behind another NAT and then back.
func (w *world) thereAndBack(h *netsim.Host, home *netsim.Realm, stay time.Duration) {
	w.toAnother(h, 3)
	time.Sleep(stay)
	h.Move(home, "192.168.1.2")
}

// toAnother moves a host behind another, port-restricted NAT.
func (w *world) toAnother(h *netsim.Host, n int) {
	nat := w.net.NAT(fmt.Sprintf("198.51.100.2%d", n), netsim.PortRestricted)
	nat.Link(netsim.Link{Delay: oneWay})
	h.Move(nat.Realm, "192.168.7.2")
}

// TestAddressChanges moves one or both ends during a transfer. The transfer must continue
// within 3 s.
func TestAddressChanges(t *testing.T) {
	seeds := uint64(2)
	if os.Getenv("P2PTOOL_FULL") == "1" {
		seeds = 100
	}
	for _, m := range moves {
		t.Run(m.name, func(t *testing.T) {
			for seed := range seeds {
				if stall := m.make(t, seed); stall > 3*time.Second {
					t.Errorf("seed %d: nothing arrived for %v", seed, stall)
				}
			}
		})
	}
}

// make makes the move during a transfer and returns the longest time without data.
func (m move) make(t *testing.T, seed uint64) (longest time.Duration) {
	inTunnelsOf(t, seed+1, func(t *testing.T, w *world, tcp *netsim.Streams) {
		rng := rand.New(rand.NewPCG(seed, 7))
		s := &moved{}
		s.natA, s.hostA = w.behind("198.51.100.1", "192.168.1.2", m.a)
		s.natB, s.hostB = w.behind("198.51.100.2", "192.168.1.2", m.b)
		var got atomic.Int64
		sink := func(o *p2p.PeerOptions) {
			if seed%2 == 1 {
				o.DialTCP = tcp.From("198.51.100.2")
			}
			o.Handlers = map[string]func(*p2p.Link, *p2p.Stream){"sink": func(_ *p2p.Link, st *p2p.Stream) {
				b := make([]byte, 1<<16)
				for {
					n, err := st.Read(b)
					if got.Add(int64(n)); err != nil {
						return
					}
				}
			}}
		}
		a, b := w.peer(s.hostA, func(o *p2p.PeerOptions) {
			if seed%2 == 1 {
				o.DialTCP = tcp.From("198.51.100.1")
			}
		}), w.peer(s.hostB, sink)
		defer b.Close()
		defer a.Close()
		l, _ := mustConnect(t, a, b)
		st, err := l.OpenStream("sink")
		if err != nil {
			t.Fatal(err)
		}
		stop := make(chan struct{})
		wrote := make(chan error, 1)
		go func() {
			block := bytes.Repeat([]byte("data"), 2500)
			for {
				select {
				case <-stop:
					wrote <- nil
					return
				case <-time.After(20 * time.Millisecond):
				}
				if _, err := io.Copy(st, bytes.NewReader(block)); err != nil {
					wrote <- err
					return
				}
			}
		}()
		time.Sleep(2*time.Second + time.Duration(rng.Int64N(int64(5*time.Second))))
		m.change(w, s)
		last, before := time.Now(), got.Load()
		for began := time.Now(); time.Since(began) < 20*time.Second; {
			time.Sleep(20 * time.Millisecond)
			if n := got.Load(); n > before {
				last, before = time.Now(), n
			}
			longest = max(longest, time.Since(last))
		}
		close(stop)
		st.Close()
		if err := <-wrote; err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	})
	return longest
}
