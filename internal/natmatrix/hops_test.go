package natmatrix

import (
	"fmt"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p"
	"p2ptool/p2p/udp"
)

// A home is the NATs between a host and the internet, from the outermost inwards.
type home struct {
	name string
	nats []netsim.Kind
}

// facing are the homes on the other side of a bare masquerade.
var facing = []home{
	{"port-restricted", []netsim.Kind{netsim.PortRestricted}},
	{"address-restricted", []netsim.Kind{netsim.AddressRestricted}},
	{"bare masquerade", []netsim.Kind{netsim.BareMasquerade}},
	{"carrier-grade NAT", []netsim.Kind{netsim.PortRestricted, netsim.PortRestricted}},
	{"carrier-grade NAT, bare at home", []netsim.Kind{netsim.PortRestricted, netsim.BareMasquerade}},
	{"carrier-grade NAT, bare", []netsim.Kind{netsim.BareMasquerade, netsim.PortRestricted}},
	{"carrier-grade NAT, bare twice", []netsim.Kind{netsim.BareMasquerade, netsim.BareMasquerade}},
}

// place adds a host in such a home to the network.
func (h home) place(net *netsim.Net, addr string, delay time.Duration) udp.Network {
	n := natAt(net.Realm, addr, h.nats[0], netsim.Link{Delay: delay})
	for i, kind := range h.nats[1:] {
		n = n.NAT(fmt.Sprintf("100.64.%d.2", i), kind)
	}
	return n.Host("192.168.1.2")
}

// An approach is which peers call, and when they start.
type approach struct {
	name  string
	both  bool          // both call; otherwise the first calls the second
	apart time.Duration // how much later the second starts
}

var approaches = []approach{
	{"one calls", false, 0},
	{"one calls, the other starts 200 ms later", false, 200 * time.Millisecond},
	{"one calls, the other starts 2 s later", false, 2 * time.Second},
	{"both call", true, 0},
	{"both call, 200 ms apart", true, 200 * time.Millisecond},
	{"both call, 2 s apart", true, 2 * time.Second},
}

// sparse returns n if a quick run tries one in n approaches at each distance.
func sparse() int {
	if raceDetector {
		return 9
	}
	return 3
}

// A host behind a bare masquerade connects to hosts behind all kinds of NATs, with up to eight routers
// between the NATs. An opener with the wrong time to live would reach the other's NAT and change its
// mapping.
func TestBareMasquerade(t *testing.T) {
	for _, h := range facing {
		t.Run(h.name, func(t *testing.T) {
			bare := home{"bare masquerade", []netsim.Kind{netsim.BareMasquerade}}
			n := 0
			for hops := 0; hops <= 8; hops++ {
				for i, how := range approaches {
					if full := os.Getenv("P2PTOOL_FULL") == "1"; !full && (hops+i)%sparse() != 0 {
						continue
					}
					for _, homes := range [][2]home{{bare, h}, {h, bare}} {
						n++
						limit := 3 * time.Second
						switch {
						case hops == 0:
							limit = 4 * time.Second // both may have to send at the same moment
						case hops >= 4:
							limit = time.Second
						}
						took, ok := how.meet(t, homes, hops, delays[n%3], uint64(n))
						if !ok || took > limit {
							t.Errorf("%s to %s, %d hops, %s: direct %v after %v", homes[0].name, homes[1].name, hops, how.name, ok, took)
						}
					}
				}
			}
			t.Logf("%d trials", n)
		})
	}
}

// meet returns how long after the second peer's start both ends have a direct path.
func (how approach) meet(t *testing.T, homes [2]home, hops int, delay [3]time.Duration, seed uint64) (took time.Duration, ok bool) {
	synctest.Test(t, func(t *testing.T) {
		net := netsim.New(seed)
		defer net.Close()
		net.SetHops(hops)
		host := net.Host(serverIP)
		host.Link(netsim.Link{Delay: delay[0]})
		server, err := p2p.NewServer(p2p.ServerOptions{Key: newKey(t), Listen: ":3478", Network: host})
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		atA, atB := homes[0].place(net, outerA, delay[1]), homes[1].place(net, outerB, delay[2])
		a := startPeer(t, atA)
		defer a.Close()
		if how.both {
			registered(t, a)
		}
		other := make(chan *p2p.Link)
		var b *p2p.Peer
		var began time.Time
		if how.both {
			b = newPeer(t, atB)
			go func() {
				time.Sleep(how.apart)
				began = time.Now()
				other <- call(t, b, a)
			}()
		} else {
			time.Sleep(how.apart)
			began = time.Now()
			b = startPeer(t, atB)
			registered(t, b)
			go func() {
				l, _ := b.Accept(t.Context())
				other <- l
			}()
		}
		defer b.Close()
		registered(t, a)
		la, lb := call(t, a, b), <-other
		if la == nil || lb == nil {
			return
		}
		await(patience, p2p.PathDirect, la, lb)
		took = time.Since(began)
		ok = la.Path().Kind == p2p.PathDirect && lb.Path().Kind == p2p.PathDirect
	})
	return took, ok
}
