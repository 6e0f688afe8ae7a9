package client

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p/identity"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/server"
)

// A client learns from the answer to its first packet that the server was restarted, and
// is registered again at once.
func TestRestartIsLearnedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		s := startServer(t, n.Host(serverHost), nil)
		p := startPeer(t, linked(n, addrOf(0), 20*ms), nil)
		p.mustRegister(time.Second)
		time.Sleep(time.Minute)
		s.Close()
		s.start()
		p.RefreshNow()
		time.Sleep(400 * ms) // four round trips of 40 ms, the grace, and some more
		if got := s.Stats().Peers; got != 1 || p.count("lost") != 1 {
			t.Errorf("%d peers, lost %d times", got, p.count("lost"))
		}
	})
}

// An UNKNOWN from somebody who does not see the client's packets changes nothing, and one
// from somebody who sees them, but cannot keep them from the server, does not either.
func TestForgedUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		startServer(t, n.Host(serverHost), nil)
		p := startPeer(t, linked(n, addrOf(0), 20*ms), nil)
		p.mustRegister(time.Second)
		time.Sleep(time.Second)
		server := netip.MustParseAddrPort(serverAddr)
		var seen []byte // the client's last packet to the server
		n.Watch(func(e netsim.Event) {
			if e.What == "sent" && e.To == server && e.Data[0] == rendezvous.TypeData {
				seen = append([]byte(nil), e.Data...)
			}
		})
		forge := func(packet []byte) { p.HandleDatagram(server, rendezvous.AppendUnknown(nil, packet)) }
		for range 50 {
			p.RefreshNow()
			synctest.Wait()
			blind := append([]byte(nil), seen...)
			blind[len(blind)-1]++
			forge(blind)
			forge(seen)
			time.Sleep(200 * ms)
		}
		if p.count("lost") != 0 || p.State() != Registered {
			t.Errorf("lost %d times, state %v", p.count("lost"), p.State())
		}
		n.Watch(nil)
	})
}

// While another server answers with another key, nothing is told to it, whoever asks is
// told so at once, and the client is registered again soon after the right one is back.
func TestRefusedServerIsTriedAgain(t *testing.T) {
	for _, away := range []time.Duration{time.Second, 40 * time.Second, 10 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			n := netsim.New(1)
			s := startServer(t, n.Host(serverHost), nil)
			known := s.config.Key
			refusals := 0
			p := startPeer(t, n.Host("198.51.100.2"), func(c *Config) {
				c.CheckKey = func(k identity.PublicKey) error {
					if !k.Equal(known.Public()) {
						return errors.New("key has changed")
					}
					return nil
				}
				c.OnRefused = func(error) { refusals++ }
			})
			p.mustRegister(time.Second)
			for range 3 {
				s.Close()
				s.config.Key = newKey(t)
				s.start()
				p.RefreshNow()
				time.Sleep(away)
				var refused *KeyError
				start := time.Now()
				if _, err := p.List(context.Background()); !errors.As(err, &refused) || time.Since(start) > 0 {
					t.Errorf("List: %v after %v", err, time.Since(start))
				}
				if got := s.Stats(); got.Peers+got.Pending != 0 {
					t.Errorf("the wrong server has %+v", got)
				}
				s.Close()
				s.config.Key = known
				s.start()
				time.Sleep(13 * time.Second)
				if p.State() != Registered || s.Stats().Peers != 1 {
					t.Errorf("away for %v, and 13 s after its return: %v", away, p.State())
				}
			}
			synctest.Wait()
			if refusals != 3 {
				t.Errorf("a refusal was reported %d times, want 3", refusals)
			}
		})
	}
}

// A question that waits while the client registers fails as soon as the server is refused.
func TestRefusedServerFailsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		startServer(t, n.Host(serverHost), nil)
		changed := errors.New("key has changed")
		p := startPeer(t, linked(n, "198.51.100.2", 50*ms), func(c *Config) {
			c.CheckKey = func(identity.PublicKey) error { return changed }
		})
		start := time.Now()
		if _, err := p.List(t.Context()); !errors.Is(err, changed) || time.Since(start) > 150*ms {
			t.Errorf("List: %v after %v", err, time.Since(start))
		}
		if err := p.Registered(t.Context()); !errors.Is(err, changed) {
			t.Errorf("Registered: %v", err)
		}
	})
}

// Nothing that keeps a client from its server is for ever: once it is mended the client is
// registered within its longest pause.
func TestEveryTroubleEnds(t *testing.T) {
	type world struct {
		t   *testing.T
		h   *netsim.Host
		key identity.SecretKey
		s   *testServer
	}
	run := func(w *world, key identity.SecretKey, limits server.Limits) {
		w.s = startServer(w.t, w.h, func(c *server.Config) { c.Key, c.Limits = key, limits })
	}
	stop := func(w *world) { w.s.Close() }
	var named bool
	for _, c := range []struct {
		name       string
		begin, end func(w *world)
	}{
		{"no server", func(*world) {}, func(*world) {}},
		{"no network", func(w *world) { w.h.Cut() }, func(w *world) { w.h.Heal() }},
		{"another key", func(w *world) { run(w, newKey(w.t), server.Limits{}) }, stop},
		{"a full server", func(w *world) { run(w, w.key, server.Limits{Peers: -1}) }, stop},
		{"a name that leads nowhere", func(*world) { named = false }, func(*world) { named = true }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := netsim.New(1)
				w := &world{t: t, h: n.Host(serverHost), key: newKey(t)}
				named = true
				c.begin(w)
				p := startPeer(t, n.Host("198.51.100.2"), func(o *Config) {
					o.Server = "rendezvous.test:3478"
					o.Resolve = func(context.Context, string) ([]netip.Addr, error) {
						if !named {
							return nil, errors.New("no such host")
						}
						return []netip.Addr{netip.MustParseAddr(serverHost)}, nil
					}
					o.CheckKey = func(k identity.PublicKey) error {
						if !k.Equal(w.key.Public()) {
							return errors.New("another key")
						}
						return nil
					}
				})
				time.Sleep(5 * time.Minute)
				if p.State() == Registered {
					t.Fatal("registered in spite of it")
				}
				c.end(w)
				run(w, w.key, server.Limits{})
				time.Sleep(46 * time.Second)
				if p.State() != Registered {
					t.Errorf("46 s later the client is %v", p.State())
				}
			})
		})
	}
}
