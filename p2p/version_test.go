package p2p_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p"
	"p2ptool/p2p/rendezvous"
)

// If the versions of two peers differ, both users see it within seconds, whichever of them calls and however they find each other.
func TestPeerOfAnotherVersion(t *testing.T) {
	const here, there = rendezvous.LinkVersion, rendezvous.LinkVersion + 1
	type call func(ctx context.Context, from, to *tester) (*p2p.Link, error)
	server := func(ctx context.Context, from, to *tester) (*p2p.Link, error) {
		return from.Connect(ctx, to.GUID(), p2p.ConnectOptions{})
	}
	address := func(ctx context.Context, from, to *tester) (*p2p.Link, error) {
		at := netip.AddrPortFrom(netip.MustParseAddr("192.168.1.2"), to.LocalAddrs()[0].Port())
		if from.version == here {
			at = netip.AddrPortFrom(netip.MustParseAddr("192.168.1.3"), at.Port())
		}
		return from.Connect(ctx, to.GUID(), p2p.ConnectOptions{Addr: at.String()})
	}
	for name, c := range map[string]struct {
		server string
		call   call
	}{
		"by the server": {serverAddr, server}, "by address": {serverAddr, address}, "on the LAN": {"", server},
	} {
		for caller, older := range map[string]bool{"older calls": true, "newer calls": false} {
			t.Run(name+"/"+caller, func(t *testing.T) {
				inWorld(t, func(t *testing.T, w *world) {
					where := newFakeLAN()
					nat, ha := w.behind("198.51.100.1", "192.168.1.2", netsim.PortRestricted)
					a := w.peer(ha, func(o *p2p.PeerOptions) { o.LAN, o.Server = where.at("192.168.1.2"), c.server })
					b := w.peer(nat.Host("192.168.1.3"), func(o *p2p.PeerOptions) {
						o.LAN, o.Server = where.at("192.168.1.3"), c.server
						o.SetVersion(there)
					})
					a.version, b.version = here, there
					if synctest.Wait(); c.server != "" {
						for _, p := range []*tester{a, b} {
							if err := p.Registered(t.Context()); err != nil {
								t.Fatal(err)
							}
						}
					}
					if !older {
						a, b = b, a
					}
					start := time.Now()
					_, err := c.call(t.Context(), a, b)
					want := p2p.VersionError{Theirs: b.version, Ours: a.version}
					if v, ok := errors.AsType[*p2p.VersionError](err); !ok || *v != want || !errors.Is(err, p2p.ErrVersion) {
						t.Errorf("the caller gets %v", err)
					}
					if took := time.Since(start); took > 4*time.Second {
						t.Errorf("after %v", took)
					}
					synctest.Wait()
					want = p2p.VersionError{Theirs: a.version, Ours: b.version}
					if got := incompatible(b); len(got) == 0 || *got[0].Error != want || !got[0].Addr.IsValid() {
						t.Errorf("the called peer reports %v", got)
					}
					a.Close()
					b.Close()
				})
			})
		}
	}
}

func incompatible(p *tester) (all []p2p.Incompatible) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.events {
		if e, ok := e.(p2p.Incompatible); ok {
			all = append(all, e)
		}
	}
	return all
}

// Many calls of another version cause only a few reports.
func TestVersionReportsAreLimited(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.peer(w.net.Host("198.51.100.1"), nil)
		b := w.peer(w.net.Host("198.51.100.2"), func(o *p2p.PeerOptions) { o.SetVersion(9) })
		for range 60 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, _ = b.Connect(ctx, a.GUID(), p2p.ConnectOptions{Addr: netip.AddrPortFrom(netip.MustParseAddr("198.51.100.1"), a.LocalAddrs()[0].Port()).String()})
			cancel()
			time.Sleep(time.Second)
		}
		if n := count[p2p.Incompatible](a); n < 3 || n > 5 {
			t.Errorf("%d reports in a minute", n)
		}
		a.Close()
		b.Close()
	})
}

// If the server runs another version, Registered and Connect fail with ErrVersion. The peer registers once the
// server runs its version again.
func TestServerOfAnotherVersion(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.server.Close()
		var reported *p2p.VersionError
		o := p2p.ServerOptions{Key: w.key, Listen: ":3478", Network: w.host, OnVersion: func(_ netip.AddrPort, err *p2p.VersionError) { reported = err }}
		o.SetVersion(9)
		s, err := p2p.NewServer(o)
		if err != nil {
			t.Fatal(err)
		}
		a := w.peer(w.net.Host("198.51.100.1"), nil)
		time.Sleep(time.Second)
		if n := count[p2p.ServerRefused](a); n != 1 {
			t.Errorf("%d events", n)
		}
		const want = `server "203.0.113.1:3478" runs protocol 9, this is 2: update p2ptool here`
		if err := a.Registered(t.Context()); !errors.Is(err, p2p.ErrVersion) || err.Error() != want {
			t.Errorf("Registered returns %v", err)
		}
		if _, err := a.Connect(t.Context(), newKey(t).GUID(), p2p.ConnectOptions{}); !errors.Is(err, p2p.ErrVersion) {
			t.Errorf("Connect returns %v", err)
		}
		synctest.Wait()
		if reported == nil || *reported != (p2p.VersionError{Theirs: 2, Ours: 9}) {
			t.Errorf("the server reports %v", reported)
		}
		s.Close()
		w.serve()
		time.Sleep(13 * time.Second)
		if err := a.Registered(t.Context()); err != nil {
			t.Error(err)
		}
		a.Close()
	})
}
