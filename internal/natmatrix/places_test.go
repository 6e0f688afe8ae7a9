package natmatrix

import (
	"testing"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p"
	"p2ptool/p2p/udp"
)

// A place is a network for two peers other than one NAT each.
type place struct {
	name  string
	make  func(net *netsim.Net) (a, b udp.Network)
	path  p2p.PathKind
	limit time.Duration // for both ends to be on the path
	loses bool
}

const near = 10 * time.Millisecond // one-way delay of each access link

func natAt(r *netsim.Realm, addr string, kind netsim.Kind, l netsim.Link) *netsim.NAT {
	n := r.NAT(addr, kind)
	n.Link(l)
	return n
}

// oneProvider puts two homes behind one provider's NAT.
func oneProvider(hairpin bool) func(*netsim.Net) (a, b udp.Network) {
	return func(net *netsim.Net) (a, b udp.Network) {
		provider := natAt(net.Realm, outerA, netsim.FullCone, netsim.Link{Delay: near})
		provider.SetHairpin(hairpin)
		return provider.NAT("100.64.0.2", netsim.PortRestricted).Host("192.168.1.2"),
			provider.NAT("100.64.0.3", netsim.PortRestricted).Host("192.168.1.2")
	}
}

// twoRouters puts one peer behind two routers, and the other behind one.
func twoRouters(outer netsim.Kind) func(*netsim.Net) (a, b udp.Network) {
	return func(net *netsim.Net) (a, b udp.Network) {
		provider := natAt(net.Realm, outerA, outer, netsim.Link{Delay: near})
		return provider.NAT("100.64.0.2", netsim.PortRestricted).Host("192.168.1.2"),
			natAt(net.Realm, outerB, netsim.PortRestricted, netsim.Link{Delay: near}).Host("192.168.1.2")
	}
}

// oneLAN puts both behind one router without hairpinning.
func oneLAN(kind netsim.Kind) func(*netsim.Net) (a, b udp.Network) {
	return func(net *netsim.Net) (a, b udp.Network) {
		n := natAt(net.Realm, outerA, kind, netsim.Link{Delay: near})
		return n.Host("192.168.1.2"), n.Host("192.168.1.3")
	}
}

// lossy puts the peers behind two ordinary routers, and drops one in ten packets that cross both links.
func lossy(net *netsim.Net) (a, b udp.Network) {
	l := netsim.Link{Delay: near, Loss: .0513}
	return natAt(net.Realm, outerA, netsim.PortRestricted, l).Host("192.168.1.2"),
		natAt(net.Realm, outerB, netsim.PortRestricted, l).Host("192.168.1.2")
}

// places have limits for round trips of 40 ms, to the server and between the peers.
var places = []place{
	{"same LAN, port-restricted", oneLAN(netsim.PortRestricted), p2p.PathLAN, 300 * time.Millisecond, false},
	{"same LAN, symmetric", oneLAN(netsim.Symmetric), p2p.PathLAN, 300 * time.Millisecond, false},
	{"two routers, then a port-restricted one", twoRouters(netsim.PortRestricted), p2p.PathDirect, 450 * time.Millisecond, false},
	{"two routers, the outer one full cone", twoRouters(netsim.FullCone), p2p.PathDirect, 450 * time.Millisecond, false},
	{"one provider's NAT with hairpinning", oneProvider(true), p2p.PathDirect, 450 * time.Millisecond, false},
	{"one provider's NAT without hairpinning", oneProvider(false), p2p.PathRelay, 350 * time.Millisecond, false},
	{"10 % loss", lossy, p2p.PathDirect, 1500 * time.Millisecond, true},
}

// Peers in other networks connect within their limits.
func TestPlaces(t *testing.T) {
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			n, late, longest := runs(), 0, time.Duration(0)
			for i := range n {
				r := trial{start: starts[i/2%2], server: near, delayA: near, delayB: near, seed: uint64(i + 1)}
				o := r.runBetween(t, p.path, func(net *netsim.Net) (udp.Network, udp.Network) {
					a, b := p.make(net)
					if i%2 == 1 {
						return b, a
					}
					return a, b
				})
				if !p.loses { // lost PINGs move data to the relay at times
					relayAtRest(t, r, o)
				}
				took := o.settled
				if p.path == p2p.PathRelay {
					took = o.connected
				}
				if longest = max(longest, took); took > p.limit || o.path != p.path {
					late++
					t.Logf("seed %d, %s: path %v after %v", r.seed, r.start.name, o.path, took)
				}
			}
			if late > allowed(.05, n) {
				t.Errorf("%d of %d trials were not on the path within %v", late, n, p.limit)
			}
			t.Logf("%d trials, the longest took %v", n, longest)
		})
	}
}
