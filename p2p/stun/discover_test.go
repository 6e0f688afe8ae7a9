package stun_test

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"p2ptool/internal/netsim"
	"p2ptool/p2p/identity"
	"p2ptool/p2p/path"
	"p2ptool/p2p/rendezvous/server"
	"p2ptool/p2p/stun"
	"p2ptool/p2p/udp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	serverMain   = netip.MustParseAddrPort("203.0.113.1:3478")
	serverSecond = netip.MustParseAddrPort("203.0.113.1:3479")
)

// A lab is a network with two servers at different addresses.
type lab struct {
	*netsim.Net
	main, other *server.Server
	host        *netsim.Host
}

func inLab(t *testing.T, f func(t *testing.T, l *lab)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &lab{Net: netsim.New(1)}
		l.host = l.Host("203.0.113.1")
		l.host.Link(netsim.Link{Delay: 10 * time.Millisecond})
		l.main = serve(t, l.host)
		l.other = serve(t, l.Host("203.0.113.2"))
		f(t, l)
		l.main.Close()
		l.other.Close()
		l.Close()
	})
}

func serve(t *testing.T, h *netsim.Host) *server.Server {
	t.Helper()
	key, err := identity.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.Listen(server.Config{Key: key, Network: h, Listen: ":3478"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// discover runs Discover on a host, and returns how long it took.
func discover(t *testing.T, h *netsim.Host, others ...netip.AddrPort) (stun.Finding, time.Duration) {
	t.Helper()
	start := time.Now()
	listen := func() (udp.Conn, error) { return h.Listen("udp4", netip.AddrPort{}) }
	f, err := stun.Discover(t.Context(), listen, stun.Servers{Main: serverMain, Second: serverSecond, Others: others}, stun.Interim{})
	if err != nil {
		t.Fatal(err)
	}
	return f, time.Since(start)
}

func TestDiscover(t *testing.T) {
	const (
		independent = path.EndpointIndependent
		address     = path.AddressDependent
		port        = path.AddressAndPortDependent
	)
	for kind, want := range map[netsim.Kind]path.NAT{
		netsim.FullCone:            {Mapping: independent, Filtering: address},
		netsim.AddressRestricted:   {Mapping: independent, Filtering: address},
		netsim.PortRestricted:      {Mapping: independent, Filtering: port},
		netsim.BareMasquerade:      {Mapping: independent, Filtering: port, Bare: true},
		netsim.Symmetric:           {Mapping: port, Filtering: port},
		netsim.SymmetricSequential: {Mapping: port, Filtering: port, Stride: 1},
	} {
		t.Run(kind.String(), func(t *testing.T) {
			inLab(t, func(t *testing.T, l *lab) {
				f, took := discover(t, l.NAT("198.51.100.1", kind).Host("192.168.1.2"))
				if f.NAT != want || len(f.Observed) != 3 {
					t.Errorf("%+v, want %+v", f, want)
				}
				if limit := 3 * time.Second; took > limit {
					t.Errorf("took %v", took)
				}
				f, _ = discover(t, l.NAT("198.51.100.2", kind).Host("192.168.1.2"), netip.MustParseAddrPort("203.0.113.2:3478"))
				if f.NAT != want || len(f.Observed) != 4 {
					t.Errorf("with another server %+v, want %+v", f, want)
				}
			})
		})
	}
}

func TestDiscoverWithoutNAT(t *testing.T) {
	inLab(t, func(t *testing.T, l *lab) {
		want := path.NAT{Mapping: path.EndpointIndependent, Filtering: path.AddressDependent}
		f, took := discover(t, l.Host("198.51.100.9"))
		if f.NAT != want || took > 100*time.Millisecond {
			t.Errorf("%+v after %v", f, took)
		}
	})
}

// With loss it takes longer; without any server the NAT is unknown.
func TestDiscoverUnderLoss(t *testing.T) {
	inLab(t, func(t *testing.T, l *lab) {
		nat := l.NAT("198.51.100.1", netsim.Symmetric)
		nat.Link(netsim.Link{Loss: .1})
		h := nat.Host("192.168.1.2")
		if f, _ := discover(t, h); f.Mapping != path.AddressAndPortDependent {
			t.Errorf("%+v", f)
		}
		nat.Cut()
		if f, _ := discover(t, h); f.NAT != (path.NAT{}) || f.Observed != nil {
			t.Errorf("%+v", f)
		}
	})
}

// Without a second port the filtering is unknown.
func TestDiscoverWithAPlainServer(t *testing.T) {
	inLab(t, func(t *testing.T, l *lab) {
		h := l.NAT("198.51.100.1", netsim.Symmetric).Host("192.168.1.2")
		listen := func() (udp.Conn, error) { return h.Listen("udp4", netip.AddrPort{}) }
		f, err := stun.Discover(t.Context(), listen, stun.Servers{
			Main: serverMain, Others: []netip.AddrPort{netip.MustParseAddrPort("203.0.113.2:3478")},
		}, stun.Interim{})
		if want := (path.NAT{Mapping: path.AddressDependent}); err != nil || f.NAT != want {
			t.Errorf("%+v, %v", f, err)
		}
	})
}
