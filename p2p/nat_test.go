package p2p_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p"
	"p2ptool/p2p/path"
)

// A peer determines its NAT and describes it to the other end of a link: in the
// handshake as far as it is known, and later when it learns more.
func TestNATIsDeterminedAndShared(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		symmetric := p2p.NAT{Mapping: path.AddressAndPortDependent, Filtering: path.AddressAndPortDependent, Stride: 1}
		restricted := p2p.NAT{Mapping: path.EndpointIndependent, Filtering: path.AddressDependent}
		_, ha := w.behind("198.51.100.1", "192.168.1.2", netsim.SymmetricSequential)
		_, hb := w.behind("198.51.100.2", "192.168.1.2", netsim.AddressRestricted)
		a, b := w.peer(ha, nil), w.peer(hb, nil)
		l, took := mustConnect(t, a, b)
		if took > 500*time.Millisecond {
			t.Errorf("connected after %v", took)
		}
		other, err := b.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Second)
		for _, c := range []struct {
			who  string
			own  *tester
			link *p2p.Link // of the other side
			want p2p.NAT
		}{{"a", a, other, symmetric}, {"b", b, l, restricted}} {
			if n, err := c.own.NAT(t.Context()); n != c.want || err != nil {
				t.Errorf("%s is behind %+v, %v, want %+v", c.who, n, err, c.want)
			}
			if n := c.link.NAT(); n != c.want {
				t.Errorf("%s tells of %+v, want %+v", c.who, n, c.want)
			}
		}
		again, err := b.Connect(t.Context(), a.GUID(), p2p.ConnectOptions{})
		if err != nil || again.NAT() != symmetric {
			t.Errorf("%+v, %v", again.NAT(), err)
		}
		a.Close()
		b.Close()
	})
}

// After a move to another NAT, a peer determines the NAT again. It also asks STUN
// servers at other addresses.
func TestNATChanges(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		stun, err := p2p.NewServer(p2p.ServerOptions{Key: newKey(t), Listen: ":3478", Network: w.net.Host("203.0.113.2")})
		if err != nil {
			t.Fatal(err)
		}
		defer stun.Close()
		_, h := w.behind("198.51.100.1", "192.168.1.2", netsim.PortRestricted)
		cone := w.net.NAT("198.51.100.2", netsim.FullCone)
		p := w.peer(h, func(o *p2p.PeerOptions) { o.STUN = []string{"203.0.113.2:3478", "203.0.113.77:1", "no address"} })
		n, err := p.NAT(t.Context())
		if want := (p2p.NAT{Mapping: path.EndpointIndependent, Filtering: path.AddressAndPortDependent}); n != want || err != nil {
			t.Errorf("%+v, %v", n, err)
		}
		h.Move(cone.Realm, "192.168.9.2")
		time.Sleep(15 * time.Second)
		n, err = p.NAT(t.Context())
		if want := (p2p.NAT{Mapping: path.EndpointIndependent, Filtering: path.AddressDependent}); n != want || err != nil {
			t.Errorf("%+v, %v", n, err)
		}
		p.Close()
		if _, err := p.NAT(t.Context()); !errors.Is(err, p2p.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	})
}

func TestNATErrors(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		alone := w.public("198.51.100.3", func(o *p2p.PeerOptions) { o.Server = "" })
		if _, err := alone.NAT(t.Context()); !errors.Is(err, p2p.ErrNotServing) {
			t.Errorf("without a server: %v", err)
		}
		lost := w.public("198.51.100.4", func(o *p2p.PeerOptions) { o.Server = "203.0.113.9:3478" })
		if _, err := lost.NAT(t.Context()); !errors.Is(err, p2p.ErrNoServer) {
			t.Errorf("dead server: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		here := w.public("198.51.100.5", nil)
		if err := here.Registered(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := here.NAT(ctx); err == nil {
			t.Error("the end of the context is not told")
		}
		for _, p := range []*tester{alone, lost, here} {
			p.Close()
		}
	})
}
