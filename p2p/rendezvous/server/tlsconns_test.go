package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/internal/netsim"
	"p2ptool/p2p/limit"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/tunnel"
)

// visit connects to the server and says nothing.
func visit(t *testing.T, tcp *netsim.Streams, ip string) net.Conn {
	t.Helper()
	c, err := tcp.From(ip)(t.Context(), "tcp", serverAddr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// shut reports whether the server has closed a connection.
func shut(c net.Conn) bool {
	c.SetReadDeadline(time.Now())
	_, err := c.Read(make([]byte, 1))
	return err == io.EOF
}

func (v *tlsConns) count() (all, unknown int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.all), v.unused
}

// limited is a server with few streams.
func limited(t *testing.T, l Limits, f func(t *testing.T, n *netsim.Net, tcp *netsim.Streams, s *Server)) {
	t.Helper()
	config := serverTLS(t)
	synctest.Test(t, func(t *testing.T) {
		n, tcp := netsim.New(1), new(netsim.Streams)
		s := startServer(t, n.Host(serverHost), func(c *Config) {
			c.Tunnel = TunnelConfig{TLS: config, ListenTCP: tcp.Listen}
			c.Limits = l
		})
		f(t, n, tcp, s)
	})
}

// Whoever connects and does not register has ten seconds, whatever he says.
func TestStrangerHasToGo(t *testing.T) {
	limited(t, Limits{}, func(t *testing.T, n *netsim.Net, tcp *netsim.Streams, s *Server) {
		start := time.Now()
		silent := visit(t, tcp, "198.51.100.1")
		hub := tunnel.NewHub()
		defer hub.Close()
		d := tunnel.Dialer{Hub: hub, Dial: tcp.From("198.51.100.2")}
		addr, err := d.Open(t.Context(), serverAddr, false)
		if err != nil {
			t.Fatal(err)
		}
		talkative := hub.Done(addr)
		stop := time.NewTicker(time.Second)
		defer stop.Stop()
		for open := true; open; {
			select {
			case <-talkative:
				open = false
			case <-stop.C:
				h := rendezvous.Hello{Version: rendezvous.ServerVersion, Purpose: rendezvous.PurposeServer}
				write(hub, addr, h.Append(nil))
			}
		}
		if d := time.Since(start); d != unusedLife {
			t.Errorf("who only says hello had %v", d)
		}
		synctest.Wait()
		if !shut(silent) {
			t.Error("who says nothing is still there")
		}
		if all, unknown := s.tlsConns.count(); all != 0 || unknown != 0 {
			t.Errorf("%d visitors, %d of them unknown", all, unknown)
		}
	})
}

// Of too many strangers the first has to go; who has registered stays.
func TestStrangersAreMany(t *testing.T) {
	limited(t, Limits{Streams: 40}, func(t *testing.T, n *netsim.Net, tcp *netsim.Streams, s *Server) {
		h := linked(n, "198.51.100.2", 20*ms)
		p := streaming(t, h, tcp, "198.51.100.2")
		p.mustRegister(time.Second)
		var conns []net.Conn
		for i := range 200 {
			conns = append(conns, visit(t, tcp, addrOf(i)))
			synctest.Wait()
			if all, unknown := s.tlsConns.count(); all > 1+10 || unknown > 10 {
				t.Fatalf("%d visitors, %d of them unknown", all, unknown)
			}
		}
		for i, c := range conns {
			if shut(c) != (i < 190) {
				t.Errorf("visitor %d: closed %v", i, i >= 190)
			}
		}
		q := streaming(t, linked(n, "198.51.100.3", 20*ms), tcp, "198.51.100.3")
		q.mustRegister(time.Second)
		time.Sleep(time.Minute)
		if p.lost.Load() != 0 || q.lost.Load() != 0 || s.Stats().Streams != 2 {
			t.Errorf("lost %d and %d times, %d streams", p.lost.Load(), q.lost.Load(), s.Stats().Streams)
		}
	})
}

// A connection is known while a session is on it: one key that opens many, and sends
// packets by each, holds one.
func TestStreamsOfOneKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Limits{})
		admit := func(at netip.AddrPort) netip.AddrPort {
			_, c := net.Pipe()
			g := r.s.tlsConns.add(r.now, connFrom{c, at})
			go r.s.tlsConns.endWith(g)
			return g.addr
		}
		first := admit(source(1))
		m := r.join(first, newKey(t), listener)
		m.tell(first, ping(0))
		for i := 2; i < 10; i++ {
			next := admit(source(i))
			answer, _ := m.tell(next, ping(0))
			a, err := rendezvous.ParseAlive(answer.Body)
			if err != nil || a.Token == 0 {
				t.Fatalf("no token by connection %d: %+v, %v", i, a, err)
			}
			m.tell(next, ping(a.Token)) // the session moves on
			m.tell(first, ping(0))      // and a packet by an old connection does not make that known
			if all, unknown := r.s.tlsConns.count(); all-unknown != 1 {
				t.Fatalf("%d of %d connections are known, want one", all-unknown, all)
			}
		}
		time.Sleep(unusedLife + time.Second)
		synctest.Wait()
		if all, unknown := r.s.tlsConns.count(); all != 1 || unknown != 0 {
			t.Errorf("%d connections are left, want the session's", all)
		}
		m.tell(source(9), rendezvous.Message{Kind: rendezvous.KindBye})
		time.Sleep(unusedLife + time.Second)
		synctest.Wait()
		if all, _ := r.s.tlsConns.count(); all != 0 {
			t.Error("the connection outlives its session")
		}
	})
}

// connFrom is a connection from an address.
type connFrom struct {
	net.Conn
	from netip.AddrPort
}

func (c connFrom) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.from) }

// endWith waits for the end of a visit, as serve does.
func (v *tlsConns) endWith(g *tlsConn) {
	<-g.ctx.Done()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closeLocked(g)
}

func TestStreamsBySource(t *testing.T) {
	limited(t, Limits{StreamsPerSource: 5, StreamRate: limit.Rate{PerSecond: 1, Burst: 10}}, func(t *testing.T, n *netsim.Net, tcp *netsim.Streams, s *Server) {
		for range 20 {
			visit(t, tcp, "198.51.100.1")
		}
		visit(t, tcp, "198.51.100.2")
		synctest.Wait()
		if all, _ := s.tlsConns.count(); all != 6 {
			t.Errorf("%d visitors, want 5 and another's", all)
		}
		time.Sleep(unusedLife)
		synctest.Wait()
		if all, _ := s.tlsConns.count(); all != 0 {
			t.Errorf("%d visitors are left", all)
		}
		for i := range 20 { // no slot is lost to those that were turned away
			time.Sleep(time.Second)
			visit(t, tcp, "198.51.100.1").Close()
			synctest.Wait()
			if all, _ := s.tlsConns.count(); all > 1 {
				t.Fatalf("round %d: %d visitors", i, all)
			}
		}
	})
}

// The server closes with visitors in every state.
func TestCloseWithVisitors(t *testing.T) {
	limited(t, Limits{}, func(t *testing.T, n *netsim.Net, tcp *netsim.Streams, s *Server) {
		silent := visit(t, tcp, "198.51.100.1")
		half := tls.Client(visit(t, tcp, "198.51.100.2"), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{tunnel.ALPN}})
		if err := half.HandshakeContext(context.Background()); err != nil {
			t.Fatal(err)
		}
		p := streaming(t, linked(n, "198.51.100.3", 20*ms), tcp, "198.51.100.3")
		p.mustRegister(time.Second)
		start := time.Now()
		s.Close()
		if d := time.Since(start); d > time.Second {
			t.Errorf("closing took %v", d)
		}
		synctest.Wait()
		if all, unknown := s.tlsConns.count(); all != 0 || unknown != 0 || !shut(silent) {
			t.Errorf("%d visitors, %d of them unknown", all, unknown)
		}
	})
}

// A source is the same by UDP and by a stream, and an endpoint is not.
func TestEndpointOfStream(t *testing.T) {
	a := source(1)
	m := tunnel.Mark(a)
	if limit.SourceOf(a.Addr()) != limit.SourceOf(m.Addr()) {
		t.Error("a stream is of another source")
	}
	e := rendezvous.EndpointOf(m)
	if e == rendezvous.EndpointOf(a) || e.Addr() != m || e.Observed().IsValid() || rendezvous.EndpointOf(a).Observed() != a {
		t.Errorf("%+v is %v, told as %v", e, e.Addr(), e.Observed())
	}
	if got := fmt.Sprintf("%x", rendezvous.AppendAddr(nil, m)); got != fmt.Sprintf("%x", rendezvous.AppendAddr(nil, a)) {
		t.Errorf("the mark stands in datagrams: %s", got)
	}
}
