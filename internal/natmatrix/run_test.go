package natmatrix

import (
	"bytes"
	"context"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p"
	"p2ptool/p2p/identity"
	"p2ptool/p2p/udp"
)

const (
	serverIP   = "203.0.113.1"
	serverAddr = serverIP + ":3478"
	outerA     = "198.51.100.1"
	outerB     = "198.51.100.2"
)

// A start is which peers call, and when.
type start struct {
	name  string
	both  bool          // both call; otherwise only the first
	apart time.Duration // how much later the second calls
}

var starts = []start{
	{"one calls", false, 0},
	{"both call at once", true, 0},
	{"both call, 200 ms apart", true, 200 * time.Millisecond},
}

// A trial is one attempt of two peers to connect.
type trial struct {
	a, b   side
	start  start
	server time.Duration // one way, of each access link
	delayA time.Duration
	delayB time.Duration
	seed   uint64
}

// s is the longer round trip to the server.
func (r trial) s() time.Duration { return 2 * (r.server + max(r.delayA, r.delayB)) }

// r is the round trip between the peers.
func (r trial) r() time.Duration { return 2 * (r.delayA + r.delayB) }

// A result is the result of a trial.
type result struct {
	connected time.Duration // when the caller had a link
	path      p2p.PathKind  // the final path of both ends
	settled   time.Duration // when both ends had it
	relayed   uint64        // bytes that the server relayed after that, while the peers exchanged 4 echoSize
	sent      int64         // datagrams of both peers, except those to the server
}

// patience is how long a trial waits for the expected path.
const patience = 5 * time.Second

// run connects two peers with their sides, and waits until both ends have the wanted kind of path.
func (r trial) run(t *testing.T, want p2p.PathKind) (o result) {
	return r.runBetween(t, want, func(net *netsim.Net) (a, b udp.Network) {
		return r.a.place(net, outerA, r.delayA), r.b.place(net, outerB, r.delayB)
	})
}

// runBetween is like run, with peers in other places.
func (r trial) runBetween(t *testing.T, want p2p.PathKind, places func(*netsim.Net) (a, b udp.Network)) (o result) {
	synctest.Test(t, func(t *testing.T) {
		net := netsim.New(r.seed)
		defer net.Close()
		host := net.Host(serverIP)
		host.Link(netsim.Link{Delay: r.server})
		server, err := p2p.NewServer(p2p.ServerOptions{Key: newKey(t), Listen: ":3478", Network: host})
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		atA, atB := places(net)
		a, b := newPeer(t, atA), newPeer(t, atB)
		defer a.Close()
		defer b.Close()
		sent := countProbes(net)
		began := time.Now()
		la, lb := r.start.connect(t, a, b)
		if la == nil || lb == nil {
			return
		}
		o.connected = time.Since(began)
		await(patience, want, la, lb)
		o.settled = time.Since(began)
		time.Sleep(time.Second) // the relay has delivered what was in flight
		before := server.Stats().Relayed
		echo(t, la)
		time.Sleep(10 * time.Second)
		echo(t, lb)
		o.relayed = server.Stats().Relayed - before
		o.sent = sent.Load()
		await(2*time.Second, want, la, lb) // lost PINGs make an end leave its path for a moment
		if o.path = la.Path().Kind; lb.Path().Kind != o.path {
			t.Errorf("%v: one end is on %v, the other on %v", r, la.Path(), lb.Path())
		}
	})
	return o
}

// await waits until both ends have the kind of path, for at most the given time.
func await(atMost time.Duration, kind p2p.PathKind, la, lb *p2p.Link) {
	for began := time.Now(); time.Since(began) < atMost && (la.Path().Kind != kind || lb.Path().Kind != kind); {
		time.Sleep(time.Millisecond)
	}
}

// countProbes counts the datagrams between peers.
func countProbes(net *netsim.Net) *atomic.Int64 {
	var n atomic.Int64
	net.Watch(func(e netsim.Event) {
		if e.What == "sent" && e.To.Addr().String() != serverIP && e.From.Addr().String() != serverIP {
			n.Add(int64((len(e.Data) + e.Size - 1) / e.Size))
		}
	})
	return &n
}

// connect connects two registered peers, and returns both ends of the link.
func (s start) connect(t *testing.T, a, b *p2p.Peer) (la, lb *p2p.Link) {
	if !s.both {
		la = call(t, a, b)
		lb, err := b.Accept(t.Context())
		if err != nil {
			t.Error(err)
		}
		return la, lb
	}
	other := make(chan *p2p.Link)
	go func() {
		time.Sleep(s.apart)
		other <- call(t, b, a)
	}()
	la = call(t, a, b)
	return la, <-other
}

func call(t *testing.T, from, to *p2p.Peer) *p2p.Link {
	l, err := from.Connect(t.Context(), to.GUID(), p2p.ConnectOptions{})
	if err != nil {
		t.Error(err)
	}
	return l
}

// newPeer starts a peer and waits until it is registered.
func newPeer(t *testing.T, n udp.Network) *p2p.Peer {
	t.Helper()
	p := startPeer(t, n)
	registered(t, p)
	return p
}

// startPeer starts a peer.
func startPeer(t *testing.T, n udp.Network) *p2p.Peer {
	t.Helper()
	p, err := p2p.NewPeer(p2p.PeerOptions{Key: newKey(t), Server: serverAddr, Network: n,
		Handlers: map[string]func(*p2p.Link, *p2p.Stream){"echo": func(_ *p2p.Link, s *p2p.Stream) { io.Copy(s, s) }}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// registered waits until a peer is registered.
func registered(t *testing.T, p *p2p.Peer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := p.Registered(ctx); err != nil {
		t.Fatal(err)
	}
}

func newKey(t *testing.T) identity.SecretKey {
	t.Helper()
	k, err := identity.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const echoSize = 20_000

// echo sends echoSize bytes, and receives them back.
func echo(t *testing.T, l *p2p.Link) {
	s, err := l.OpenStream("echo")
	if err != nil {
		t.Error(err)
		return
	}
	defer s.Close()
	data := bytes.Repeat([]byte("punch"), echoSize/5)
	go func() {
		s.Write(data)
		s.CloseWrite()
	}()
	if got, err := io.ReadAll(s); err != nil || !bytes.Equal(got, data) {
		t.Errorf("echo of %d bytes: %d bytes, %v", len(data), len(got), err)
	}
}
