package p2p

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"p2ptool/p2p/udp"
)

// If a router changes its external address or reloads its rules while packets flow, it may keep the old mappings of our
// ports, and they lead nowhere for as long as we send. Then all paths from those ports fail, including the one to the
// server, although a new port would work.
const (
	renewAfter = time.Second     // without an answer from the server or any peer
	renewGap   = 2 * time.Second // between two renewals
)

// A socket is a udp.Conn whose port can be replaced. After a replacement it sends from both ports until a packet arrives
// at either, since the old port may still work: perhaps the whole network was down for a moment. Later it still receives
// at both.
type socket struct {
	udp.Conn // of the first port; only its Read is used
	current  atomic.Pointer[udp.Conn]
	before   atomic.Pointer[udp.Conn] // the old port until a packet arrives at either; else nil

	mu     sync.Mutex
	ports  []udp.Conn // the newest last
	closed bool
}

func newSockets(conns []udp.Conn) []*socket {
	var all []*socket
	for _, c := range conns {
		s := &socket{Conn: c, ports: []udp.Conn{c}}
		s.current.Store(&c)
		all = append(all, s)
	}
	return all
}

func (s *socket) LocalAddr() netip.AddrPort { return (*s.current.Load()).LocalAddr() }

func (s *socket) Write(b udp.Batch) error {
	if old := s.before.Load(); old != nil {
		_ = (*old).Write(b)
	}
	return (*s.current.Load()).Write(b)
}

func (s *socket) WriteTTL(b udp.Batch, ttl int) error {
	if old := s.before.Load(); old != nil {
		_ = (*old).WriteTTL(b, ttl)
	}
	return (*s.current.Load()).WriteTTL(b, ttl)
}

// heard records that a packet arrived at a port: the socket sends from that port from now on.
func (s *socket) heard(c udp.Conn) {
	if s.before.Load() == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.before.Load() != nil {
		s.current.Store(&c)
		s.before.Store(nil)
	}
}

// Close closes all ports.
func (s *socket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, c := range s.ports {
		c.Close()
	}
	return nil
}

// use makes the socket send from another port, and closes all but the previous one. It returns false if the socket is
// closed.
func (s *socket) use(c udp.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	old := *s.current.Load()
	if s.before.Load() != nil {
		old = s.ports[0] // nothing arrived at the newer one either
	}
	for _, p := range s.ports {
		if p != old {
			p.Close()
		}
	}
	s.ports = []udp.Conn{old, c}
	s.before.Store(&old)
	s.current.Store(&c)
	return true
}

// serve reads from one port of a socket.
func (p *Peer) serve(s *socket, c udp.Conn) {
	_ = udp.Serve(c, func(_ udp.Conn, b udp.Batch) {
		s.heard(c)
		p.handle(s, b)
	})
}

// mayRenew reports whether the ports may be replaced: neither the server nor any peer answers. A port that was configured
// or that the router maps stays.
func (p *Peer) mayRenew(now time.Time) bool {
	if p.client == nil || p.client.Unanswered(now) < renewAfter || p.mapped().IsValid() {
		return false
	}
	if _, port, err := splitListen(p.opts.Listen); err != nil || port != 0 {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		if now.Sub(time.Unix(0, l.troubled.Load())) > renewAfter*3/2 || now.Sub(l.inner.Heard()) < renewAfter {
			return false
		}
	}
	if p.closed || now.Sub(p.renewed) < renewGap {
		return false
	}
	p.renewed = now
	return true
}

// renew replaces this peer's ports, if that may help.
func (p *Peer) renew() {
	if !p.mayRenew(time.Now()) {
		return
	}
	for _, s := range p.conns {
		family := "udp4"
		if s.LocalAddr().Addr().Is6() {
			family = "udp6"
		}
		c, err := p.opts.Network.Listen(family, netip.AddrPortFrom(s.LocalAddr().Addr(), 0))
		if err != nil {
			continue
		}
		p.mu.Lock()
		closed := p.closed
		if !closed {
			p.reads.Go(func() { p.serve(s, c) })
		}
		p.mu.Unlock()
		if closed || !s.use(c) {
			c.Close()
		}
	}
	p.moved()
}
