package p2p_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"p2ptool/internal/netsim"
	"p2ptool/p2p"
	"p2ptool/p2p/identity"
	"p2ptool/p2p/udp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A world is a network with a server at 203.0.113.1:3478, in virtual time.
type world struct {
	t      *testing.T
	net    *netsim.Net
	host   *netsim.Host
	key    identity.SecretKey
	server *p2p.Server
}

const (
	serverIP   = "203.0.113.1"
	serverAddr = serverIP + ":3478"
	oneWay     = 10 * time.Millisecond // of each access link
)

// inWorld runs a test in a world.
func inWorld(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	inWorldOf(t, 1, f)
}

// inWorldOf is like inWorld with the given seed for the network.
func inWorldOf(t *testing.T, seed uint64, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, net: netsim.New(seed), key: newKey(t)}
		w.host = w.net.Host(serverIP)
		w.host.Link(netsim.Link{Delay: oneWay})
		w.serve()
		f(t, w)
		w.server.Close()
		w.net.Close()
	})
}

func newKey(t *testing.T) identity.SecretKey {
	t.Helper()
	k, err := identity.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (w *world) serve() {
	w.t.Helper()
	s, err := p2p.NewServer(p2p.ServerOptions{Key: w.key, Listen: ":3478", Network: w.host})
	if err != nil {
		w.t.Fatal(err)
	}
	w.server = s
}

// A tester is a peer that records its events.
type tester struct {
	*p2p.Peer
	t      *testing.T
	mu     sync.Mutex
	events []p2p.Event

	version byte // of the link protocol, if the test sets it
}

// peer starts a peer. The test must close it.
func (w *world) peer(n udp.Network, change func(*p2p.PeerOptions)) *tester {
	w.t.Helper()
	p := &tester{t: w.t}
	o := p2p.PeerOptions{Key: newKey(w.t), Server: serverAddr, Network: n, Handlers: map[string]func(*p2p.Link, *p2p.Stream){"echo": echo}}
	o.OnEvent = func(e p2p.Event) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.events = append(p.events, e)
	}
	if change != nil {
		change(&o)
	}
	peer, err := p2p.NewPeer(o)
	if err != nil {
		w.t.Fatal(err)
	}
	p.Peer = peer
	return p
}

func echo(_ *p2p.Link, s *p2p.Stream) { io.Copy(s, s) }

// count returns how many events of type E the peer has reported.
func count[E p2p.Event](p *tester) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.events {
		if _, ok := e.(E); ok {
			n++
		}
	}
	return n
}

// behind creates a host behind a new NAT, with a delay of oneWay on its access link.
func (w *world) behind(public, private string, kind netsim.Kind) (*netsim.NAT, *netsim.Host) {
	n := w.net.NAT(public, kind)
	n.Link(netsim.Link{Delay: oneWay})
	return n, n.Host(private)
}

// checkEcho sends data on a stream of l and checks that it comes back.
func checkEcho(t *testing.T, l *p2p.Link, size int) {
	t.Helper()
	data := make([]byte, size)
	rand.NewChaCha8([32]byte{1}).Read(data)
	s, err := l.OpenStream("echo")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	go func() {
		s.Write(data)
		s.CloseWrite()
	}()
	got, err := io.ReadAll(s)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("echo of %d bytes: %d bytes, %v", size, len(got), err)
	}
}

// mustConnect connects a to b and returns how long that took.
func mustConnect(t *testing.T, a, b *tester) (*p2p.Link, time.Duration) {
	t.Helper()
	for _, p := range []*tester{a, b} {
		if err := p.Registered(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	l, err := a.Connect(t.Context(), b.GUID(), p2p.ConnectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return l, time.Since(start)
}

func TestConnectThroughNATs(t *testing.T) {
	kinds := map[string]netsim.Kind{
		"full cone": netsim.FullCone, "address-restricted": netsim.AddressRestricted,
		"port-restricted": netsim.PortRestricted, "symmetric": netsim.Symmetric,
		"bare masquerade": netsim.BareMasquerade,
	}
	for _, c := range []struct {
		a, b string
		want p2p.PathKind
	}{
		{"full cone", "full cone", p2p.PathDirect},
		{"full cone", "symmetric", p2p.PathDirect},
		{"symmetric", "full cone", p2p.PathDirect},
		{"address-restricted", "symmetric", p2p.PathDirect},
		{"address-restricted", "port-restricted", p2p.PathDirect},
		{"port-restricted", "port-restricted", p2p.PathDirect},
		{"bare masquerade", "port-restricted", p2p.PathDirect},
		{"port-restricted", "bare masquerade", p2p.PathDirect},
		{"bare masquerade", "bare masquerade", p2p.PathDirect},
		{"symmetric", "symmetric", p2p.PathRelay},
	} {
		t.Run(c.a+" to "+c.b, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				_, ha := w.behind("198.51.100.1", "192.168.1.2", kinds[c.a])
				_, hb := w.behind("198.51.100.2", "192.168.1.2", kinds[c.b])
				a, b := w.peer(ha, nil), w.peer(hb, nil)
				l, took := mustConnect(t, a, b)
				const s, r = 4 * oneWay, 4 * oneWay // round trips to the server and between the peers
				if limit := 2*s + 3*r + 150*time.Millisecond; took > limit || l.Path().Kind != c.want {
					t.Errorf("path %v after %v, want %v within %v", l.Path(), took, c.want, limit)
				}
				checkEcho(t, l, 50_000)
				time.Sleep(time.Second)
				if l.Path().Kind != c.want {
					t.Errorf("path is %v after %v, want %v", l.Path(), took, c.want)
				}
				other, err := b.Accept(t.Context())
				if err != nil || other.Peer() != a.GUID() || other.Path().Kind != c.want {
					t.Errorf("the other side: %v, path %v", err, other.Path())
				}
				a.Close()
				b.Close()
			})
		})
	}
}

func TestConnectOnOneLAN(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n, ha := w.behind("198.51.100.1", "192.168.1.2", netsim.PortRestricted)
		hb := n.Host("192.168.1.3")
		a, b := w.peer(ha, nil), w.peer(hb, nil)
		l, _ := mustConnect(t, a, b)
		checkEcho(t, l, 50_000)
		if l.Path().Kind != p2p.PathLAN {
			t.Errorf("path is %v", l.Path())
		}
		a.Close()
		b.Close()
	})
}

// public starts a peer with a public address.
func (w *world) public(addr string, change func(*p2p.PeerOptions)) *tester {
	h := w.net.Host(addr)
	h.Link(netsim.Link{Delay: oneWay})
	return w.peer(h, change)
}

func TestConnectErrors(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.public("198.51.100.1", nil)
		if _, err := a.Connect(t.Context(), a.GUID(), p2p.ConnectOptions{}); !errors.Is(err, p2p.ErrOwnGUID) {
			t.Errorf("own GUID: %v", err)
		}
		if _, err := a.Connect(t.Context(), newKey(t).GUID(), p2p.ConnectOptions{}); !errors.Is(err, p2p.ErrOffline) {
			t.Errorf("unknown GUID: %v", err)
		}
		calling := w.public("198.51.100.2", func(o *p2p.PeerOptions) { o.Calling = true })
		if err := calling.Registered(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Connect(t.Context(), calling.GUID(), p2p.ConnectOptions{}); !errors.Is(err, p2p.ErrOffline) {
			t.Errorf("a peer that takes no calls: %v", err)
		}
		alone := w.public("198.51.100.3", func(o *p2p.PeerOptions) { o.Server = "" })
		if _, err := alone.Connect(t.Context(), a.GUID(), p2p.ConnectOptions{}); !errors.Is(err, p2p.ErrNotServing) {
			t.Errorf("without a server: %v", err)
		}
		lost := w.public("198.51.100.4", func(o *p2p.PeerOptions) { o.Server = "203.0.113.9:3478" })
		if _, err := lost.Connect(t.Context(), a.GUID(), p2p.ConnectOptions{}); !errors.Is(err, p2p.ErrNoServer) {
			t.Errorf("dead server: %v", err)
		}
		strict := w.public("198.51.100.5", func(o *p2p.PeerOptions) {
			o.CheckServerKey = func(string, p2p.PublicKey) error { return errors.New("changed") }
		})
		if _, err := strict.Connect(t.Context(), a.GUID(), p2p.ConnectOptions{}); !errors.Is(err, p2p.ErrServerKey) {
			t.Errorf("wrong server key: %v", err)
		}
		for _, p := range []*tester{a, calling, alone, lost, strict} {
			p.Close()
			p.Close()
		}
		if _, err := a.Connect(t.Context(), calling.GUID(), p2p.ConnectOptions{}); !errors.Is(err, p2p.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	})
}

func TestConnectToAddress(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b := w.public("198.51.100.2", func(o *p2p.PeerOptions) { o.Server, o.Listen = "", ":7000" })
		_, ha := w.behind("198.51.100.1", "192.168.1.2", netsim.PortRestricted)
		a := w.peer(ha, func(o *p2p.PeerOptions) { o.Server = "" })
		l, err := a.Connect(t.Context(), b.GUID(), p2p.ConnectOptions{Addr: "198.51.100.2:7000"})
		if err != nil {
			t.Fatal(err)
		}
		checkEcho(t, l, 10_000)
		if _, err := a.Connect(t.Context(), newKey(t).GUID(), p2p.ConnectOptions{Addr: "198.51.100.2:7000"}); !errors.Is(err, p2p.ErrOffline) {
			t.Errorf("another peer's GUID: %v", err)
		}
		if _, err := a.Connect(t.Context(), newKey(t).GUID(), p2p.ConnectOptions{Addr: "198.51.100.3:7000"}); !errors.Is(err, p2p.ErrNoPath) {
			t.Errorf("nobody there: %v", err)
		}
		a.Close()
		b.Close()
	})
}

// Two listening peers that connect to each other at the same moment end with
// one link.
func TestBothConnectAtOnce(t *testing.T) {
	for _, apart := range []time.Duration{0, time.Millisecond, 5 * time.Millisecond, 15 * time.Millisecond, 40 * time.Millisecond, 70 * time.Millisecond} {
		inWorld(t, func(t *testing.T, w *world) {
			a := w.public("198.51.100.1", nil)
			b := w.public("198.51.100.2", nil)
			a.Registered(t.Context())
			b.Registered(t.Context())
			var wg sync.WaitGroup
			for i, c := range []struct{ from, to *tester }{{a, b}, {b, a}} {
				wg.Go(func() {
					time.Sleep(time.Duration(i) * apart)
					l, err := c.from.Connect(t.Context(), c.to.GUID(), p2p.ConnectOptions{})
					if err != nil {
						t.Errorf("%v apart, peer %d: %v", apart, i, err)
						return
					}
					checkEcho(t, l, 1000)
				})
			}
			wg.Wait()
			time.Sleep(30 * time.Second)
			for _, p := range []*tester{a, b} {
				if n := count[p2p.Connected](p) - count[p2p.Disconnected](p); n != 1 {
					t.Errorf("%v apart: a peer has %d links", apart, n)
				}
			}
			a.Close()
			b.Close()
		})
	}
}
