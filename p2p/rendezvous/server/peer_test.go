package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p/identity"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/client"
	"p2ptool/p2p/tunnel"
	"p2ptool/p2p/udp"
)

const (
	ms         = time.Millisecond
	serverHost = "203.0.113.1"
	serverAddr = "203.0.113.1:3478"

	unknownSize = 21
	cookieLife  = 2 * time.Minute
)

var (
	testV4 = netip.MustParseAddrPort("203.0.113.7:3478")
	testV6 = netip.MustParseAddrPort("[2001:db8::7]:3478")
)

func newKey(t testing.TB) identity.SecretKey {
	t.Helper()
	k, err := identity.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func startServer(t *testing.T, h udp.Network, change func(*Config)) *Server {
	t.Helper()
	c := Config{Key: newKey(t), Network: h, Listen: serverHost + ":3478"}
	if change != nil {
		change(&c)
	}
	s, err := Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func serverTLS(t testing.TB) *tls.Config {
	t.Helper()
	config, err := tunnel.ServerTLS(tunnel.Certificates{})
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// A testPeer is a client with a socket and a hub for streams.
type testPeer struct {
	*client.Client
	t    *testing.T
	conn udp.Conn
	lost atomic.Int32 // how often it lost the server
}

func startPeer(t *testing.T, h udp.Network, change func(*client.Config)) *testPeer {
	t.Helper()
	conn, err := h.Listen("udp4", netip.MustParseAddrPort("0.0.0.0:0"))
	if err != nil {
		t.Fatal(err)
	}
	hub := tunnel.NewHub()
	p := &testPeer{t: t, conn: conn}
	c := client.Config{
		Key: newKey(t), Server: serverAddr, Instance: rand.Uint64() | 1, Listening: true, Tunnel: &tunnel.Dialer{Hub: hub},
		Send: func(to netip.AddrPort, b []byte) {
			c := conn
			if tunnel.Marked(to.Addr()) {
				c = hub
			}
			c.Write(udp.Batch{Addr: to, Data: b, Size: len(b)})
		},
		OnLost: func() { p.lost.Add(1) },
	}
	if change != nil {
		change(&c)
	}
	if c.Tunnel.Dial == nil {
		c.Tunnel = nil
	}
	p.Client = client.New(c)
	served := make(chan struct{}, 2)
	for _, c := range []udp.Conn{conn, hub} {
		go func() {
			udp.Serve(c, func(_ udp.Conn, b udp.Batch) {
				b.Datagrams(func(d []byte) { p.HandleDatagram(b.Addr, d) })
			})
			served <- struct{}{}
		}()
	}
	t.Cleanup(func() {
		p.Client.Close()
		conn.Close()
		hub.Close()
		<-served
		<-served
	})
	return p
}

// streaming starts a peer that reaches the server by streams alone.
func streaming(t *testing.T, h udp.Network, tcp *netsim.Streams, ip string) *testPeer {
	t.Helper()
	return startPeer(t, h, func(c *client.Config) { c.NoUDP, c.Tunnel.Dial = true, tcp.From(ip) })
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

// linked returns a host whose round trip to the server is 2*delay.
func linked(n *netsim.Net, addr string, delay time.Duration) *netsim.Host {
	h := n.Host(addr)
	h.Link(netsim.Link{Delay: delay})
	return h
}

func addrOf(i int) string { return fmt.Sprintf("198.51.%d.%d", 100+i/250, 1+i%250) }

// relayed is a RELAY datagram.
func relayed(channel uint64, fill byte, size int) []byte {
	d := append(rendezvous.AppendRelay(nil, channel), rendezvous.TypeData)
	for len(d) < size {
		d = append(d, fill)
	}
	return d
}
