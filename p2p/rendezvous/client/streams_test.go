package client

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/server"
	"p2ptool/p2p/tunnel"
	"p2ptool/p2p/udp"
)

// dialed are the connections that a Dial function has made; several goroutines may call it at a time.
type dialed struct {
	mu    sync.Mutex
	conns []net.Conn
}

// wrap returns a Dial function that also records its connections.
func (d *dialed) wrap(dial func(ctx context.Context, network, addr string) (net.Conn, error)) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err == nil {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.conns = append(d.conns, conn)
		}
		return conn, err
	}
}

// cut closes them.
func (d *dialed) cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, conn := range d.conns {
		conn.Close()
	}
	d.conns = nil
}

// inTunnels runs a test with a server that takes streams too.
func inTunnels(t *testing.T, f func(t *testing.T, n *netsim.Net, tcp *netsim.Streams, s *testServer)) {
	t.Helper()
	config := serverTLS(t)
	synctest.Test(t, func(t *testing.T) {
		n, tcp := netsim.New(1), new(netsim.Streams)
		s := startServer(t, n.Host(serverHost), func(c *server.Config) {
			c.Tunnel = server.TunnelConfig{TLS: config, ListenTCP: tcp.Listen}
		})
		f(t, n, tcp, s)
	})
}

func serverTLS(t testing.TB) *tls.Config {
	t.Helper()
	config, err := tunnel.ServerTLS(tunnel.Certificates{})
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// streaming gives a client a hub, whose datagrams reach the peer's handle as
// those of its socket do.
func streaming(t *testing.T, h *netsim.Host, tcp *netsim.Streams, ip string, change func(*Config)) *testPeer {
	t.Helper()
	hub := tunnel.NewHub()
	p := startPeer(t, h, func(c *Config) {
		send := c.Send
		c.Tunnel = &tunnel.Dialer{Hub: hub, Dial: tcp.From(ip)}
		c.Send = func(to netip.AddrPort, b []byte) {
			if tunnel.Marked(to.Addr()) {
				hub.Write(udp.Batch{Addr: to, Data: b, Size: len(b)})
			} else {
				send(to, b)
			}
		}
		if change != nil {
			change(c)
		}
	})
	served := make(chan struct{})
	go func() {
		defer close(served)
		udp.Serve(hub, p.handle)
	}()
	t.Cleanup(func() {
		p.Client.Close()
		hub.Close()
		<-served
	})
	return p
}

func TestStreamWhereUDPIsBlocked(t *testing.T) {
	inTunnels(t, func(t *testing.T, n *netsim.Net, tcp *netsim.Streams, s *testServer) {
		h := linked(n, "198.51.100.2", 20*ms)
		h.BlockUDP()
		p := streaming(t, h, tcp, "198.51.100.2", nil)
		q := startPeer(t, linked(n, "198.51.100.3", 20*ms), nil)
		if took := p.mustRegister(5 * time.Second); took != streamDelay {
			t.Errorf("registered after %v, want %v", took, streamDelay)
		}
		q.mustRegister(time.Second)
		if a := p.ServerAddr(); tunnel.Unmark(a).String() != serverAddr || !tunnel.Marked(a.Addr()) {
			t.Errorf("the server is at %v", a)
		}
		if v := p.View(); v.V4.Main.IsValid() || v.Stream.Addr().String() != "198.51.100.2" {
			t.Errorf("the server sees %+v", v)
		}
		q.answerWith(func(c *Call) { c.Answer([]byte("there")) })
		in, err := p.Introduce(t.Context(), Introduction{GUID: q.key.GUID(), Version: rendezvous.LinkVersion, What: rendezvous.WhatNewLink, Data: []byte("hi")})
		if err != nil || string(in.Data) != "there" || !in.Observed.IsValid() {
			t.Fatalf("%+v, %v", in, err)
		}
		if c := q.called()[0]; c.Observed.IsValid() {
			t.Errorf("the callee is told to reach a stream at %v", c.Observed)
		}
		packet := append([]byte{rendezvous.TypeData}, make([]byte, 60)...)
		p.config.Send(p.ServerAddr(), append(rendezvous.AppendRelay(nil, in.Channel), packet...))
		time.Sleep(100 * ms)
		if got := q.strays(); len(got) != 1 {
			t.Errorf("the relay gave %d datagrams", len(got))
		}
		q.send(q.ServerAddr(), append(rendezvous.AppendRelay(nil, q.called()[0].Channel), packet...))
		time.Sleep(100 * ms)
		if got := p.strays(); len(got) != 1 {
			t.Errorf("the relay gave %d datagrams", len(got))
		}
		time.Sleep(2 * time.Minute)
		if p.State() != Registered || p.count("registered") != 1 || s.Stats().Streams != 1 {
			t.Errorf("after two minutes: %v, %q, %+v", p.State(), p.events, s.Stats())
		}
		p.Client.Close()
		time.Sleep(100 * ms)
		if st := s.Stats(); st.Peers != 1 || st.Streams != 0 {
			t.Errorf("after goodbye: %+v", st)
		}
	})
}

// UDP passes at first, is blocked, and passes again: the session is the same.
func TestWaysChange(t *testing.T) {
	inTunnels(t, func(t *testing.T, n *netsim.Net, tcp *netsim.Streams, s *testServer) {
		h := linked(n, "198.51.100.2", 20*ms)
		var moves []string
		p := streaming(t, h, tcp, "198.51.100.2", func(c *Config) {
			c.OnMoved = func(from, to netip.AddrPort) {
				moves = append(moves, strings.TrimSuffix(to.Addr().Zone(), "/tcp"))
			}
		})
		p.mustRegister(time.Second)
		for i := range 3 {
			h.BlockUDP()
			p.RefreshNow()
			time.Sleep(time.Second)
			if a := p.ServerAddr(); !tunnel.Marked(a.Addr()) {
				t.Fatalf("round %d: a second after UDP was blocked the server is at %v", i, a)
			}
			time.Sleep(20 * time.Second)
			h.Heal()
			time.Sleep(lastUDPTry)
			if a := p.ServerAddr(); a.String() != serverAddr {
				t.Fatalf("round %d: UDP passes again, and the server is at %v", i, a)
			}
			if v := p.View(); !v.V4.Main.IsValid() || !v.V4.Second.IsValid() || v.Stream.IsValid() {
				t.Errorf("the server sees %+v", v)
			}
		}
		synctest.Wait()
		if want := "tls  tls  tls "; strings.Join(moves, " ") != want {
			t.Errorf("moved to %q", moves)
		}
		if st := s.Stats(); p.count("lost") != 0 || st.Peers != 1 || st.Streams != 0 {
			t.Errorf("%q, %+v", p.events, st)
		}
	})
}

// A stream that breaks is replaced, and the session goes on.
func TestStreamBreaks(t *testing.T) {
	inTunnels(t, func(t *testing.T, n *netsim.Net, tcp *netsim.Streams, s *testServer) {
		h := linked(n, "198.51.100.2", 20*ms)
		h.BlockUDP()
		var conns dialed
		p := streaming(t, h, tcp, "198.51.100.2", func(c *Config) { c.Tunnel.Dial = conns.wrap(tcp.From("198.51.100.2")) })
		p.mustRegister(5 * time.Second)
		conns.cut()
		time.Sleep(time.Second)
		if _, err := p.Lookup(t.Context(), p.key.GUID(), 0); err != nil {
			t.Error(err)
		}
		if st := s.Stats(); p.count("lost") != 0 || st.Peers != 1 || st.Streams != 1 {
			t.Errorf("%q, %+v", p.events, st)
		}
		s.Close()
		s.start()
		time.Sleep(5 * time.Second)
		if st := s.Stats(); p.State() != Registered || st.Peers != 1 || st.Streams != 1 {
			t.Errorf("after a restart: %v, %q, %+v", p.State(), p.events, st)
		}
	})
}

// With UDP switched off nothing is sent by it.
func TestNoUDP(t *testing.T) {
	inTunnels(t, func(t *testing.T, n *netsim.Net, tcp *netsim.Streams, s *testServer) {
		h := linked(n, "198.51.100.2", 20*ms)
		sent := 0
		n.Watch(func(netsim.Event) { sent++ })
		p := streaming(t, h, tcp, "198.51.100.2", func(c *Config) { c.NoUDP = true })
		if took := p.mustRegister(time.Second); took != 0 {
			t.Errorf("registered after %v", took)
		}
		time.Sleep(time.Minute)
		if sent != 0 {
			t.Errorf("%d datagrams were sent", sent)
		}
	})
}

// Where UDP passes no stream is opened.
func TestUDPIsFirst(t *testing.T) {
	inTunnels(t, func(t *testing.T, n *netsim.Net, tcp *netsim.Streams, s *testServer) {
		p := streaming(t, linked(n, "198.51.100.2", 300*ms), tcp, "198.51.100.2", nil)
		p.mustRegister(2 * time.Second)
		time.Sleep(time.Minute)
		if a := p.ServerAddr(); a.String() != serverAddr {
			t.Errorf("the server is at %v", a)
		}
	})
}
