package p2p_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p"
	"p2ptool/p2p/path"
)

// netcheck runs Netcheck on a host, with the world's server and more servers.
func netcheck(t *testing.T, h *netsim.Host, more ...string) p2p.NetReport {
	t.Helper()
	start := time.Now()
	r, err := p2p.Netcheck(t.Context(), p2p.NetcheckOptions{
		Servers: append([]string{"203.0.113.1:3478"}, more...), Network: h,
	})
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 6*time.Second {
		t.Errorf("it took %v", took)
	}
	return r
}

func TestNetcheckDescribesNAT(t *testing.T) {
	for kind, want := range map[netsim.Kind]string{
		netsim.FullCone:            "to nearly everyone",
		netsim.AddressRestricted:   "to nearly everyone",
		netsim.PortRestricted:      "with peers behind a symmetric NAT",
		netsim.BareMasquerade:      "with peers behind a symmetric NAT",
		netsim.Symmetric:           "this NAT is symmetric:",
		netsim.SymmetricSequential: "with ports in sequence",
	} {
		t.Run(kind.String(), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				nat, h := w.behind("198.51.100.1", "192.168.1.2", kind)
				for _, hairpin := range []bool{false, true} {
					nat.SetHairpin(hairpin)
					r := netcheck(t, h)
					if !r.Translated || r.IPv4.Addr() != netip.MustParseAddr("198.51.100.1") || r.IPv6.IsValid() {
						t.Errorf("%+v", r)
					}
					if !strings.Contains(r.Expect(), want) {
						t.Errorf("%q, want %q", r.Expect(), want)
					}
					// Through the other NATs, the datagrams of each socket come from a
					// port that the filter for the other socket does not expect.
					mapped := kind == netsim.FullCone || kind == netsim.AddressRestricted || kind == netsim.PortRestricted
					if want := hairpin && mapped; r.Hairpin != want {
						t.Errorf("hairpin %v, want %v", r.Hairpin, want)
					}
				}
			})
		})
	}
}

func TestNetcheckWithoutNAT(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		r := netcheck(t, w.net.Host("198.51.100.9"), "203.0.113.99:3478", "nonsense")
		if r.Translated || r.Hairpin || r.NAT.Mapping != path.EndpointIndependent {
			t.Errorf("%+v", r)
		}
		first, dead, nameless := r.Servers[0], r.Servers[1], r.Servers[2]
		if first.RTT == 0 || first.Second == 0 || first.RTT > time.Second {
			t.Errorf("%+v", first)
		}
		if dead.RTT != 0 || dead.Second != 0 || dead.Err != nil {
			t.Errorf("a dead server: %+v", dead)
		}
		if nameless.Err == nil || nameless.Addr.IsValid() {
			t.Errorf("no host:port: %+v", nameless)
		}
	})
}

// If no packets get through, Netcheck says so, and does not take long.
func TestNetcheckWithoutUDP(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		nat, h := w.behind("198.51.100.1", "192.168.1.2", netsim.PortRestricted)
		nat.Cut()
		r := netcheck(t, h)
		if r.UDP() || !strings.Contains(r.Expect(), "no server answers") {
			t.Errorf("%+v: %s", r, r.Expect())
		}
	})
}
