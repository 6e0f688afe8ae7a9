package p2p_test

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p"
)

// A fakeDiscovery is one host's discovery on a fakeLAN. It finds the peers that respond there.
type fakeDiscovery struct {
	host netip.Addr
	lan  *fakeLAN
}

type fakeLAN struct {
	mu    sync.Mutex
	hosts map[p2p.GUID][]netip.AddrPort
}

func newFakeLAN() *fakeLAN { return &fakeLAN{hosts: map[p2p.GUID][]netip.AddrPort{}} }

func (w *fakeLAN) at(host string) *fakeDiscovery { return &fakeDiscovery{netip.MustParseAddr(host), w} }

func (s *fakeDiscovery) Respond(ctx context.Context, guid p2p.GUID, ports func() (v4, v6 uint16)) error {
	port, v6 := ports()
	if s.host.Is6() {
		port = v6
	}
	s.lan.add(guid, netip.AddrPortFrom(s.host, port))
	<-ctx.Done()
	return nil
}

func (w *fakeLAN) add(guid p2p.GUID, a netip.AddrPort) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hosts[guid] = append(w.hosts[guid], a)
}

func (s *fakeDiscovery) Find(ctx context.Context, guid p2p.GUID, found func(netip.AddrPort)) error {
	time.Sleep(10 * time.Millisecond)
	s.lan.mu.Lock()
	hosts := s.lan.hosts[guid]
	s.lan.mu.Unlock()
	for _, a := range hosts {
		found(a)
	}
	<-ctx.Done()
	return nil
}

// neighbours are two peers on one network.
func neighbours(w *world, server string) (a, b *tester, where *fakeLAN) {
	where = newFakeLAN()
	nat, ha := w.behind("198.51.100.1", "192.168.1.2", netsim.PortRestricted)
	hb := nat.Host("192.168.1.3")
	at := func(host string) func(*p2p.PeerOptions) {
		return func(o *p2p.PeerOptions) { o.LAN, o.Server = where.at(host), server }
	}
	a, b = w.peer(ha, at("192.168.1.2")), w.peer(hb, at("192.168.1.3"))
	synctest.Wait() // both respond now
	return a, b, where
}

func TestNeighboursNeedNoServer(t *testing.T) {
	for name, server := range map[string]string{"none": "", "dead": "203.0.113.99:3478"} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				a, b, _ := neighbours(w, server)
				start := time.Now()
				l, err := a.Connect(t.Context(), b.GUID(), p2p.ConnectOptions{})
				if took := time.Since(start); err != nil || l.Path().Kind != p2p.PathLAN || took > time.Second {
					t.Errorf("%v, %v after %v", err, l, took)
				} else {
					checkEcho(t, l, 100_000)
				}
				a.Close()
				b.Close()
			})
		})
	}
}

// If the server answers, it introduces the neighbours, so that it can reintroduce them later.
func TestServerIsPreferred(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b, _ := neighbours(w, "203.0.113.1:3478")
		l, _ := mustConnect(t, a, b)
		if l.Path().Kind != p2p.PathLAN && l.Path().Kind != p2p.PathRelay {
			t.Errorf("%v", l.Path())
		}
		if n := w.server.Stats().Channels; n != 1 {
			t.Errorf("the server knows of %d links", n)
		}
		a.Close()
		b.Close()
	})
}

// A neighbour that claims the GUID of another peer is rejected, and does not prevent
// a connection to the real one.
func TestFalseNeighbour(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b, where := neighbours(w, "")
		c := w.peer(w.net.Host("198.51.100.9"), func(o *p2p.PeerOptions) { o.Server = "" })
		where.mu.Lock()
		where.hosts[b.GUID()] = append([]netip.AddrPort{c.LocalAddrs()[0]}, where.hosts[b.GUID()]...)
		where.mu.Unlock()
		l, err := a.Connect(t.Context(), b.GUID(), p2p.ConnectOptions{})
		if err != nil || l.Peer() != b.GUID() {
			t.Error(err)
		}
		if _, err := c.Connect(t.Context(), b.GUID(), p2p.ConnectOptions{}); !errors.Is(err, p2p.ErrNotServing) {
			t.Errorf("without discovery: %v", err)
		}
		a.Close()
		b.Close()
		c.Close()
	})
}

func TestNobodyOnThisNetwork(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b, where := neighbours(w, "")
		where.mu.Lock()
		clear(where.hosts)
		where.mu.Unlock()
		start := time.Now()
		if _, err := a.Connect(t.Context(), b.GUID(), p2p.ConnectOptions{}); !errors.Is(err, p2p.ErrOffline) {
			t.Error(err)
		}
		if took := time.Since(start); took > 4*time.Second {
			t.Errorf("it took %v", took)
		}
		a.Close()
		b.Close()
	})
}

// Neighbours with IPv6 only announce the port of their IPv6 socket.
func TestNeighboursByIPv6(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		where := newFakeLAN()
		at := func(host string) *tester {
			return w.peer(w.net.Host(host), func(o *p2p.PeerOptions) {
				o.LAN, o.Server, o.Listen = where.at(host), "", "["+host+"]:0"
			})
		}
		a, b := at("2001:db8::2"), at("2001:db8::3")
		synctest.Wait()
		l, err := a.Connect(t.Context(), b.GUID(), p2p.ConnectOptions{})
		if err != nil {
			t.Error(err)
		} else {
			checkEcho(t, l, 100_000)
		}
		a.Close()
		b.Close()
	})
}
