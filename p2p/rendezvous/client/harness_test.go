package client

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"p2ptool/internal/netsim"
	"p2ptool/p2p/identity"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/server"
	"p2ptool/p2p/udp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	ms         = time.Millisecond
	serverHost = "203.0.113.1"
	serverAddr = "203.0.113.1:3478"
)

func newKey(t testing.TB) identity.SecretKey {
	t.Helper()
	k, err := identity.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A testServer is a server on a host of its own, that can be started again.
type testServer struct {
	*server.Server
	t      *testing.T
	config server.Config
}

func startServer(t *testing.T, h udp.Network, change func(*server.Config)) *testServer {
	t.Helper()
	c := server.Config{Key: newKey(t), Network: h, Listen: serverHost + ":3478"}
	if change != nil {
		change(&c)
	}
	s := &testServer{t: t, config: c}
	s.start()
	t.Cleanup(func() { s.Close() })
	return s
}

func (s *testServer) start() {
	s.t.Helper()
	var err error
	if s.Server, err = server.Listen(s.config); err != nil {
		s.t.Fatal(err)
	}
}

// A testPeer is a client with a socket, which writes down what happens.
type testPeer struct {
	*Client
	t    *testing.T
	key  identity.SecretKey
	conn udp.Conn

	mu     sync.Mutex
	events []string
	calls  []*Call
	other  [][]byte // datagrams that were not the client's
	onCall func(*Call)
}

func startPeer(t *testing.T, h udp.Network, change func(*Config)) *testPeer {
	t.Helper()
	conn, err := h.Listen("udp4", netip.MustParseAddrPort("0.0.0.0:0"))
	if err != nil {
		t.Fatal(err)
	}
	p := &testPeer{t: t, key: newKey(t), conn: conn}
	c := Config{
		Key: p.key, Server: serverAddr, Instance: rand.Uint64() | 1, Listening: true, Listed: true,
		Send: func(to netip.AddrPort, b []byte) {
			conn.Write(udp.Batch{Addr: to, Data: b, Size: len(b)})
		},
		OnRegistered: func(netip.AddrPort, View) { p.event("registered") },
		OnLost:       func() { p.event("lost") },
		OnReplaced:   func() { p.event("replaced") },
		OnRestored:   func() { p.event("restored") },
		OnView:       func(v View) { p.event("view " + v.V4.Main.String() + " " + v.V4.Second.String()) },
		OnCall:       p.call,
	}
	if change != nil {
		change(&c)
	}
	p.key = c.Key
	p.Client = New(c)
	served := make(chan struct{})
	go func() {
		defer close(served)
		udp.Serve(conn, p.handle)
	}()
	t.Cleanup(func() {
		p.Client.Close()
		conn.Close()
		<-served
	})
	return p
}

func (p *testPeer) handle(_ udp.Conn, b udp.Batch) {
	b.Datagrams(func(d []byte) {
		if len(d) > 0 && d[0] == rendezvous.TypeStale {
			p.RefreshNow() // as a peer does whose channel it is
		} else if !p.HandleDatagram(b.Addr, d) {
			p.mu.Lock()
			p.other = append(p.other, append([]byte(nil), d...))
			p.mu.Unlock()
		}
	})
}

func (p *testPeer) event(e string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, e)
}

func (p *testPeer) call(c *Call) {
	p.mu.Lock()
	p.calls = append(p.calls, c)
	f := p.onCall
	p.mu.Unlock()
	if f != nil {
		f(c)
	}
}

// answerWith sets what is done with each call.
func (p *testPeer) answerWith(f func(*Call)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onCall = f
}

// called returns the calls that came.
func (p *testPeer) called() []*Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.calls)
}

// count returns how often an event was told.
func (p *testPeer) count(e string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(p.events), func(o string) bool { return o != e }))
}

// strays returns what came that was not for the client, and forgets it.
func (p *testPeer) strays() [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.other
	p.other = nil
	return o
}

func (p *testPeer) send(to netip.AddrPort, d []byte) {
	p.conn.Write(udp.Batch{Addr: to, Data: d, Size: len(d)})
}

// mustRegister waits for the registration and returns how long it took.
func (p *testPeer) mustRegister(within time.Duration) time.Duration {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	start := time.Now()
	if err := p.Registered(ctx); err != nil {
		p.t.Fatalf("not registered within %v: %v", within, err)
	}
	return time.Since(start)
}

// linked gives a host whose round trip to the server is 2*delay.
func linked(n *netsim.Net, addr string, delay time.Duration) *netsim.Host {
	h := n.Host(addr)
	h.Link(netsim.Link{Delay: delay})
	return h
}

func addrOf(i int) string { return fmt.Sprintf("198.51.%d.%d", 100+i/250, 1+i%250) }

// withKey and the like change a client's configuration.
func withKey(k identity.SecretKey) func(*Config) {
	return func(c *Config) { c.Key = k }
}
