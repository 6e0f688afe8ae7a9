package p2p_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p"
)

// until waits until all ends use a path of the given kind, and returns how long it took.
func until(t *testing.T, kind p2p.PathKind, within time.Duration, ends ...*p2p.Link) (took time.Duration, ok bool) {
	t.Helper()
	start := time.Now()
	for time.Since(start) < within {
		if !slices.ContainsFunc(ends, func(l *p2p.Link) bool { return l.Path().Kind != kind }) {
			return time.Since(start), true
		}
		time.Sleep(5 * time.Millisecond)
	}
	return within, false
}

// pair connects two peers behind NATs of the given kinds. The peer a calls.
func (w *world) pair(ka, kb netsim.Kind, change func(*p2p.PeerOptions)) (a, b *tester, la, lb *p2p.Link) {
	w.t.Helper()
	_, ha := w.behind("198.51.100.1", "192.168.1.2", ka)
	_, hb := w.behind("198.51.100.2", "192.168.1.2", kb)
	a, b = w.peer(ha, change), w.peer(hb, change)
	la, _ = mustConnect(w.t, a, b)
	lb, err := b.Accept(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return a, b, la, lb
}

func TestBirthdayProbing(t *testing.T) {
	for _, c := range []struct{ a, b netsim.Kind }{
		{netsim.Symmetric, netsim.PortRestricted},
		{netsim.PortRestricted, netsim.Symmetric},
		{netsim.Symmetric, netsim.BareMasquerade},
	} {
		t.Run(fmt.Sprintf("%v to %v", c.a, c.b), func(t *testing.T) {
			const runs = 20
			var times []time.Duration
			for seed := range uint64(runs) {
				if took, ok := probeOnce(t, seed, c.a, c.b); ok {
					times = append(times, took)
				}
			}
			if len(times) < runs*7/10 { // 97% of rounds succeed
				t.Fatalf("direct in %d of %d runs", len(times), runs)
			}
			slices.Sort(times)
			t.Logf("direct in %d of %d, median %v, last %v", len(times), runs, times[len(times)/2], times[len(times)-1])
		})
	}
}

func probeOnce(t *testing.T, seed uint64, ka, kb netsim.Kind) (took time.Duration, ok bool) {
	inWorldOf(t, seed, func(t *testing.T, w *world) {
		a, b, la, lb := w.pair(ka, kb, nil)
		if k := la.Path().Kind; k != p2p.PathRelay {
			t.Errorf("first path %v", k)
		}
		took, ok = until(t, p2p.PathDirect, 3*time.Second, la, lb)
		if ok {
			relayed := w.server.Stats().Relayed
			checkEcho(t, la, 50_000)
			time.Sleep(20 * time.Second)
			if now := w.server.Stats().Relayed; now > relayed+10_000 {
				t.Errorf("%d bytes were relayed", now-relayed)
			}
			if la.Path().Kind != p2p.PathDirect || lb.Path().Kind != p2p.PathDirect {
				t.Errorf("later the paths are %v and %v", la.Path(), lb.Path())
			}
			checkEcho(t, lb, 50_000)
		}
		a.Close()
		b.Close()
	})
	return took, ok
}

// If a NAT allocates ports in sequence, a few sockets and a few probes are enough.
func TestPrediction(t *testing.T) {
	for _, c := range []struct{ a, b netsim.Kind }{
		{netsim.SymmetricSequential, netsim.PortRestricted},
		{netsim.PortRestricted, netsim.SymmetricSequential},
		{netsim.SymmetricSequential, netsim.BareMasquerade},
		{netsim.SymmetricSequential, netsim.SymmetricSequential},
	} {
		t.Run(fmt.Sprintf("%v to %v", c.a, c.b), func(t *testing.T) {
			for seed := range uint64(20) {
				took, ok := probeOnce(t, seed, c.a, c.b)
				if !ok || took > 2*time.Second {
					t.Errorf("seed %d: direct %v after %v", seed, ok, took)
				}
			}
		})
	}
}

// After a peer moves to another symmetric NAT, the other end probes the address
// where the server sees it now, and stops sending to the old address.
func TestBirthdayProbingAfterMove(t *testing.T) {
	for seed := range uint64(4) { // one round is left; 98% of rounds succeed
		if probeAfterMove(t, seed) {
			return
		}
	}
	t.Error("it is not found")
}

func probeAfterMove(t *testing.T, seed uint64) (found bool) {
	inWorldOf(t, seed, func(t *testing.T, w *world) {
		before, h := w.behind("198.51.100.1", "192.168.1.2", netsim.Symmetric)
		after := w.net.NAT("198.51.100.3", netsim.Symmetric)
		after.Link(netsim.Link{Delay: oneWay})
		_, hb := w.behind("198.51.100.2", "192.168.1.2", netsim.PortRestricted)
		a, b := w.peer(h, nil), w.peer(hb, nil)
		defer b.Close()
		defer a.Close()
		la, _ := mustConnect(t, a, b)
		lb, err := b.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		h.Move(after.Realm, "192.168.7.2")
		came := before.Received().Datagrams
		if _, ok := until(t, p2p.PathRelay, time.Minute, la, lb); !ok {
			t.Fatalf("after the move the paths are %v and %v", la.Path(), lb.Path())
		}
		_, found = until(t, p2p.PathDirect, 10*time.Second, la, lb)
		if n := before.Received().Datagrams - came; n > 200 {
			t.Errorf("%d datagrams came where the peer is no more", n)
		}
		checkEcho(t, la, 50_000)
	})
	return found
}
