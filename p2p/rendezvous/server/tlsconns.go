package server

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"p2ptool/p2p/limit"
	"p2ptool/p2p/tunnel"
)

const (
	// unusedLife is how long a connection without a session lives.
	unusedLife = 10 * time.Second
	// acceptPause is the pause after accepting a connection failed, for example for want of file descriptors.
	acceptPause = 100 * time.Millisecond
)

// tlsConnRate bounds new connections in all, since each costs a TLS handshake.
var tlsConnRate = limit.Rate{PerSecond: 500, Burst: 1000}

// TunnelConfig configures datagrams over TLS.
type TunnelConfig struct {
	// TLS is the configuration of the connections, see tunnel.ServerTLS; nil: TCP is not listened on.
	TLS *tls.Config
	// Listen is the TCP address to bind to, "host:port"; empty: the same as UDP.
	Listen string
	// ListenTCP binds to a TCP address; nil: the system does.
	ListenTCP func(addr string) (net.Listener, error)
}

// tlsConns are the connections that a server has accepted. Each becomes a stream of the hub. It is used while a
// session is on it, and unused before and after that, so a key has as many used connections as it has sessions,
// however many it opens.
type tlsConns struct {
	hub    *tunnel.Hub
	tls    *tls.Config
	limits Limits
	rate   *limit.Sources
	ctx    context.Context // ends with the server
	end    context.CancelFunc

	mu              sync.Mutex // guards what follows
	pace            limit.Pace
	all             map[netip.AddrPort]*tlsConn // by the stream's address
	sources         *limit.Counts
	unauthenticated []*tlsConn // in the order of their coming, with some that are none any more
	unused          int        // how many strangers there are
}

// A tlsConn is one connection.
type tlsConn struct {
	conn        net.Conn
	addr        netip.AddrPort // of its stream
	ctx         context.Context
	end         context.CancelFunc
	unusedTimer *time.Timer // ends it; stopped once it is known
	used        bool
	closed      bool
}

func newTLSConns(t *tls.Config, l Limits) *tlsConns {
	v := &tlsConns{
		hub: tunnel.NewHub(), tls: t, limits: l, rate: limit.NewSources(l.StreamRate, sourceSlots),
		all: make(map[netip.AddrPort]*tlsConn), sources: limit.NewCounts(),
	}
	v.ctx, v.end = context.WithCancel(context.Background())
	return v
}

// accept accepts connections until l is closed, and serves each on a goroutine of running.
func (v *tlsConns) accept(l net.Listener, now func() time.Duration, running *sync.WaitGroup) {
	for {
		c, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			v.pause()
			continue
		}
		if g := v.add(now(), c); g != nil {
			running.Go(func() { v.serve(g) })
		} else {
			c.Close()
		}
	}
}

func (v *tlsConns) pause() {
	timer := time.NewTimer(acceptPause)
	defer timer.Stop()
	select {
	case <-v.ctx.Done():
	case <-timer.C:
	}
}

// add adds a connection, unused at first, or returns nil if there are too many. Of too many unused ones the
// oldest is closed: it has had its time.
func (v *tlsConns) add(now time.Duration, c net.Conn) *tlsConn {
	from, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.all) >= v.limits.Streams || v.sources.Count(from.Addr()) >= v.limits.StreamsPerSource ||
		!v.rate.Allow(now, from.Addr()) || !v.pace.Allow(now, tlsConnRate, 1) {
		return nil
	}
	g := &tlsConn{conn: c, addr: tunnel.Mark(from)}
	g.ctx, g.end = context.WithCancel(v.ctx)
	g.unusedTimer = time.AfterFunc(unusedLife, g.end)
	if old := v.all[g.addr]; old != nil {
		v.closeLocked(old)
	}
	v.all[g.addr] = g
	v.sources.Add(from.Addr(), 1)
	v.unauthenticated = append(v.unauthenticated, g)
	v.unused++
	v.crowdOutLocked(v.limits.Streams / 4)
	return g
}

// crowdOutLocked closes the oldest unused connections beyond most.
func (v *tlsConns) crowdOutLocked(most int) {
	for len(v.unauthenticated) > 0 {
		g := v.unauthenticated[0]
		if stranger := !g.used && !g.closed; stranger && v.unused <= most && len(v.unauthenticated) <= 4*most {
			return
		} else if stranger {
			v.closeLocked(g)
		}
		v.unauthenticated[0] = nil
		v.unauthenticated = v.unauthenticated[1:]
	}
}

// serve makes a stream of a connection and waits for its end.
func (v *tlsConns) serve(g *tlsConn) {
	if err := v.hub.Accept(g.ctx, g.conn, g.addr, v.tls); err == nil {
		select {
		case <-v.hub.Done(g.addr):
		case <-g.ctx.Done():
			v.hub.Remove(g.addr)
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closeLocked(g)
}

// closeLocked closes a connection, once.
func (v *tlsConns) closeLocked(g *tlsConn) {
	if g.closed {
		return
	}
	g.closed = true
	g.unusedTimer.Stop()
	g.end()
	if !g.used {
		v.unused--
	}
	v.sources.Add(g.addr.Addr(), -1)
	if v.all[g.addr] == g {
		delete(v.all, g.addr)
	}
}

// keep records that a session is on a stream, which may therefore be silent for d.
func (v *tlsConns) keep(addr netip.AddrPort, d time.Duration) {
	v.mu.Lock()
	g := v.all[addr]
	if g != nil && !g.used {
		g.used = true
		g.unusedTimer.Stop()
		v.unused--
	}
	v.mu.Unlock()
	if g != nil {
		v.hub.KeepFor(addr, d)
	}
}

// release makes a stream that its session has left an unused one.
func (v *tlsConns) release(addr netip.AddrPort) {
	v.mu.Lock()
	defer v.mu.Unlock()
	g := v.all[addr]
	if g == nil || !g.used {
		return
	}
	g.used = false
	g.unusedTimer.Reset(unusedLife)
	v.unauthenticated = append(v.unauthenticated, g)
	v.unused++
	v.crowdOutLocked(v.limits.Streams / 4)
}

// close closes all connections.
func (v *tlsConns) close() {
	v.hub.Close()
	v.end()
}
