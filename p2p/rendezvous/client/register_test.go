package client

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p/identity"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/server"
)

func TestRegister(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		s := startServer(t, n.Host(serverHost), nil)
		p := startPeer(t, linked(n, "198.51.100.2", 50*ms), nil)
		start := time.Now()
		if f, err := p.Lookup(t.Context(), p.key.GUID(), 0); err != nil || f.Instance != p.config.Instance {
			t.Errorf("a peer does not find itself: %v", err)
		}
		if took := time.Since(start); took != 300*ms {
			t.Errorf("found after %v, want three round trips of 100 ms", took)
		}
		if took := p.mustRegister(time.Second); took != 0 {
			t.Errorf("registered %v after it was found", took)
		}
		time.Sleep(100 * ms)
		synctest.Wait()
		if got := s.Stats(); got.Peers != 1 || got.Pending != 0 {
			t.Errorf("the server has %d peers, %d pending", got.Peers, got.Pending)
		}
		local := netip.AddrPortFrom(netip.MustParseAddr("198.51.100.2"), p.conn.LocalAddr().Port())
		if v := p.View(); v.V4 != (Observed{local, local}) {
			t.Errorf("the server sees %+v, want %v twice", v, local)
		}
		if p.State() != Registered || p.ServerAddr() != netip.MustParseAddrPort(serverAddr) {
			t.Errorf("state %v, server %v", p.State(), p.ServerAddr())
		}
		p.Client.Close()
		synctest.Wait()
		time.Sleep(60 * ms)
		if got := s.Stats().Peers; got != 0 {
			t.Errorf("after BYE the server has %d peers", got)
		}
	})
}

func TestSymmetricNATIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		startServer(t, n.Host(serverHost), nil)
		nat := n.NAT("198.51.100.1", netsim.Symmetric)
		p := startPeer(t, nat.Host("192.168.1.2"), nil)
		p.mustRegister(time.Second)
		time.Sleep(time.Second)
		v := p.View().V4
		if !v.Second.IsValid() || v.Main == v.Second || v.Main.Addr() != v.Second.Addr() {
			t.Errorf("seen as %+v, want one address and two ports", v)
		}
	})
}

func TestStaysRegistered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		s := startServer(t, n.Host(serverHost), nil)
		nat := n.NAT("198.51.100.1", netsim.PortRestricted)
		h := nat.Host("192.168.1.2")
		h.Link(netsim.Link{Delay: 20 * ms, Loss: 0.05})
		p := startPeer(t, h, nil)
		p.mustRegister(10 * time.Second)
		time.Sleep(time.Hour)
		if p.State() != Registered || s.Stats().Peers != 1 || p.count("lost") != 0 {
			t.Errorf("state %v, lost %d times", p.State(), p.count("lost"))
		}
	})
}

func TestRegistersUnderHeavyLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(7)
		startServer(t, n.Host(serverHost), nil)
		h := n.Host("198.51.100.2")
		h.Link(netsim.Link{Delay: 20 * ms, Loss: 0.5})
		startPeer(t, h, nil).mustRegister(time.Minute)
	})
}

func TestVanishedPeerIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		s := startServer(t, n.Host(serverHost), nil)
		h := n.Host("198.51.100.2")
		p := startPeer(t, h, nil)
		p.mustRegister(time.Second)
		time.Sleep(time.Minute)
		h.Cut()
		time.Sleep(12 * time.Second)
		if s.Stats().Peers != 1 || p.State() != Lost {
			t.Errorf("after 12 s the server has %d peers, the peer is %v", s.Stats().Peers, p.State())
		}
		time.Sleep(10 * time.Second)
		if s.Stats().Peers != 0 {
			t.Error("after 22 s the peer is still there")
		}
		h.Heal()
		p.mustRegister(46 * time.Second)
	})
}

func TestServerRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		s := startServer(t, n.Host(serverHost), nil)
		var peers []*testPeer
		for i := range 10 {
			p := startPeer(t, linked(n, addrOf(i), 20*ms), nil)
			p.mustRegister(time.Second)
			peers = append(peers, p)
		}
		time.Sleep(time.Minute)
		s.Close()
		s.start()
		time.Sleep(8 * time.Second)
		if got := s.Stats().Peers; got != len(peers) {
			t.Errorf("8 s after a restart %d of %d peers are back", got, len(peers))
		}

		s.Close()
		time.Sleep(10 * time.Minute)
		for _, p := range peers {
			if p.State() != Lost {
				t.Fatalf("without a server a peer is %v", p.State())
			}
		}
		s.start()
		time.Sleep(50 * time.Second)
		if got := s.Stats().Peers; got != len(peers) {
			t.Errorf("50 s after an outage %d of %d peers are back", got, len(peers))
		}
	})
}

// A link that has lost its last path asks for a sign of life every second. The
// server is given up in the meantime as it is without that.
func TestServerRestartUnderRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		s := startServer(t, n.Host(serverHost), nil)
		p := startPeer(t, linked(n, addrOf(0), 20*ms), nil)
		p.mustRegister(time.Second)
		s.Close()
		s.start()
		for range 8 {
			p.RefreshNow()
			time.Sleep(time.Second)
		}
		if got := s.Stats().Peers; got != 1 {
			t.Errorf("8 s after a restart %d peers are back", got)
		}

		s.Close()
		for range 8 {
			p.RefreshNow()
			time.Sleep(time.Second)
		}
		if p.count("lost") != 2 {
			t.Errorf("without a server for 8 s a peer was lost %d times in all", p.count("lost"))
		}
	})
}

func TestNewServerKeyIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		s := startServer(t, n.Host(serverHost), nil)
		known := s.config.Key.Public()
		errChanged := errors.New("key has changed")
		p := startPeer(t, n.Host("198.51.100.2"), func(c *Config) {
			c.CheckKey = func(k identity.PublicKey) error {
				if !k.Equal(known) {
					return errChanged
				}
				return nil
			}
		})
		p.mustRegister(time.Second)
		s.Close()
		s.config.Key = newKey(t)
		s.start()
		time.Sleep(time.Minute)
		var refused *KeyError
		err := p.Registered(context.Background())
		if !errors.Is(err, errChanged) || !errors.As(err, &refused) || p.State() != Unregistered {
			t.Errorf("Registered: %v, state %v", err, p.State())
		}
		if _, err := p.List(context.Background()); !errors.Is(err, errChanged) {
			t.Errorf("List: %v", err)
		}
		if got := s.Stats(); got.Peers+got.Pending != 0 {
			t.Errorf("the wrong server has %+v", got)
		}
	})
}

func TestAddressChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		s := startServer(t, n.Host(serverHost), nil)
		nat := n.NAT("198.51.100.1", netsim.PortRestricted)
		p := startPeer(t, nat.Host("192.168.1.2"), nil)
		p.mustRegister(time.Second)
		time.Sleep(3 * time.Second)
		before := p.View().V4
		nat.Readdress("198.51.100.99")
		p.RefreshNow()
		time.Sleep(100 * ms)
		after := p.View().V4
		if before.Main == after.Main || after.Main.Addr() != nat.Addr() || after.Second.Addr() != nat.Addr() {
			t.Errorf("seen as %+v, then as %+v", before, after)
		}
		if got := s.Stats(); got.Peers != 1 || p.count("lost") != 0 {
			t.Errorf("%d peers, lost %d times", got.Peers, p.count("lost"))
		}
		c := startPeer(t, n.Host("198.51.100.2"), nil)
		f, err := c.Introduce(t.Context(), Introduction{GUID: p.key.GUID(), Version: 1, What: rendezvous.WhatNewLink})
		if !errors.Is(err, ErrUnanswered) || f.Channel != 0 {
			t.Errorf("an introduction to who does not answer: %v", err)
		}
		if len(p.called()) != 1 {
			t.Errorf("at its new address the peer got %d calls", len(p.called()))
		}
	})
}

// A request from an address that is not yet proven is answered after the proof.
func TestRequestFromNewAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		startServer(t, n.Host(serverHost), nil)
		nat := n.NAT("198.51.100.1", netsim.PortRestricted)
		h := nat.Host("192.168.1.2")
		h.Link(netsim.Link{Delay: 10 * ms})
		p := startPeer(t, h, nil)
		p.mustRegister(time.Second)
		time.Sleep(3 * time.Second)
		nat.Rebind()
		start := time.Now()
		_, err := p.Lookup(t.Context(), p.key.GUID(), 0)
		if took := time.Since(start); err != nil || took > 100*ms {
			t.Errorf("after a rebinding a lookup took %v: %v", took, err)
		}
	})
}

func TestServerNameIsLookedUpEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		addrs := []netip.Addr{netip.MustParseAddr("203.0.113.200"), netip.MustParseAddr("203.0.113.1")}
		s := startServer(t, n.Host(serverHost), nil)
		moved := startServer(t, n.Host("203.0.113.2"), func(c *server.Config) { c.Listen = "203.0.113.2:3478" })
		asked := 0
		p := startPeer(t, n.Host("198.51.100.2"), func(c *Config) {
			c.Server = "rendezvous.test:3478"
			c.Resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
				if asked++; asked == 1 {
					return nil, errors.New("no name server")
				}
				return addrs, nil
			}
		})
		// The first address is dead: the second one gets its turn soon.
		if took := p.mustRegister(3 * time.Second); took > 1600*ms+raceDelay {
			t.Errorf("registered after %v", took)
		}
		addrs = []netip.Addr{netip.MustParseAddr("203.0.113.2")}
		s.Close()
		time.Sleep(20 * time.Second)
		if moved.Stats().Peers != 1 || p.ServerAddr().Addr() != addrs[0] {
			t.Errorf("after the name has moved the peer is at %v", p.ServerAddr())
		}
	})
}

func TestListPaging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		s := startServer(t, n.Host(serverHost), nil)
		want := make(map[identity.GUID]string)
		const count = 40
		for i := range count {
			name := fmt.Sprintf("peer %d %s", i, "012345678901234567890123456789012345678901234567890123456789"[:i%55])
			p := startPeer(t, n.Host(addrOf(i)), func(c *Config) { c.Name, c.Listed = name, i%5 != 0 })
			p.mustRegister(time.Second)
			if i%5 != 0 {
				want[p.key.GUID()] = name
			}
		}
		time.Sleep(10 * time.Second)
		asker := startPeer(t, n.Host("198.51.100.252"), func(c *Config) { c.Listening = false })
		got, err := asker.List(t.Context())
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d peers are listed, want %d: %v", len(got), len(want), err)
		}
		for _, l := range got {
			if want[l.GUID] != l.Name || l.Seconds < 9 || l.Seconds > 12 {
				t.Errorf("listed %+v, want name %q", l, want[l.GUID])
			}
		}
		if s.Stats().Peers != count+1 {
			t.Errorf("%d peers", s.Stats().Peers)
		}
	})
}

// Why a name leads nowhere is known as long as it does not.
func TestUnresolved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		startServer(t, n.Host(serverHost), nil)
		unknown := errors.New("no such host")
		var known atomic.Bool
		p := startPeer(t, n.Host("198.51.100.2"), func(c *Config) {
			c.Server = "rendezvous.test:3478"
			c.Resolve = func(context.Context, string) ([]netip.Addr, error) {
				if !known.Load() {
					return nil, unknown
				}
				return []netip.Addr{netip.MustParseAddr("203.0.113.1")}, nil
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.Registered(ctx); err == nil || !errors.Is(p.Reason(), unknown) {
			t.Errorf("registered: %v, unresolved: %v", err, p.Reason())
		}
		known.Store(true)
		p.mustRegister(time.Minute)
		if err := p.Reason(); err != nil {
			t.Errorf("unresolved: %v", err)
		}
	})
}
