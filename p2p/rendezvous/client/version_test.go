package client

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/server"
)

// A client and a server of different versions, whichever is older: the client is refused with both versions, at once
// and as long as that stays so; the server reports it; and the client registers once the server is updated.
func TestServerOfAnotherVersion(t *testing.T) {
	for name, theirs := range map[string]byte{"older": rendezvous.ServerVersion - 1, "newer": rendezvous.ServerVersion + 1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := netsim.New(1)
				var reported []byte
				s := startServer(t, n.Host(serverHost), func(c *server.Config) {
					c.Version = theirs
					c.OnVersion = func(_ netip.AddrPort, v byte) { reported = append(reported, v) }
				})
				p := startPeer(t, linked(n, "198.51.100.2", 50*ms), nil)
				start := time.Now()
				for range 2 {
					err := p.Registered(t.Context())
					v, ok := errors.AsType[*rendezvous.VersionError](err)
					if !ok || *v != (rendezvous.VersionError{Theirs: theirs, Ours: rendezvous.ServerVersion}) {
						t.Fatalf("Registered returns %v", err)
					}
					if took := time.Since(start); took > time.Second {
						t.Errorf("known after %v", took)
					}
				}
				if _, err := p.Lookup(t.Context(), p.key.GUID(), 0); !errors.Is(err, rendezvous.ErrVersion) {
					t.Errorf("Lookup returns %v", err)
				}
				time.Sleep(20 * time.Second)
				synctest.Wait()
				if len(reported) == 0 || len(reported) > 3 || reported[0] != rendezvous.ServerVersion || s.Stats().OtherVersion < 3 {
					t.Errorf("the server reported versions %v and counted %d", reported, s.Stats().OtherVersion)
				}
				if got := s.Stats(); got.Peers+got.Pending != 0 {
					t.Errorf("the server has %d peers, %d pending", got.Peers, got.Pending)
				}
				s.Close()
				s.config.Version = 0
				s.start()
				ctx, cancel := context.WithTimeout(t.Context(), 13*time.Second)
				defer cancel()
				for p.Registered(ctx) != nil && ctx.Err() == nil {
					time.Sleep(100 * ms)
				}
				if p.State() != Registered {
					t.Error("not registered with the updated server")
				}
			})
		})
	}
}

// A server that is updated in mid-session refuses its clients, and they say so.
func TestServerChangesItsVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		s := startServer(t, n.Host(serverHost), nil)
		var refused []error
		p := startPeer(t, n.Host("198.51.100.2"), func(c *Config) {
			c.OnRefused = func(err error) { refused = append(refused, err) }
		})
		p.mustRegister(time.Second)
		s.Close()
		s.config.Version = rendezvous.ServerVersion + 1
		s.start()
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(refused) != 1 || !errors.Is(refused[0], rendezvous.ErrVersion) || p.State() != Unregistered {
			t.Errorf("refused with %v, state %v", refused, p.State())
		}
	})
}

// The version of a peer's links is known before it is called.
func TestLookupTellsTheVersionOfLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New(1)
		startServer(t, n.Host(serverHost), nil)
		a := startPeer(t, n.Host("198.51.100.2"), nil)
		b := startPeer(t, n.Host("198.51.100.3"), func(c *Config) { c.LinkVersion = rendezvous.LinkVersion + 1 })
		a.mustRegister(time.Second)
		b.mustRegister(time.Second)
		if f, err := a.Lookup(t.Context(), b.key.GUID(), 0); err != nil || f.Version != rendezvous.LinkVersion+1 {
			t.Errorf("version %d, %v", f.Version, err)
		}
	})
}
