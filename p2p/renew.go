package p2p

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"p2ptool/p2p/udp"
)

// When a router changes its outer address or loads its rules anew while packets pass, it may keep what it
// knows of our ports and send on as before: to nowhere, for as long as we send. Every path by
// those ports is dead then, and the server's too, though a new port would do.
const (
	renewAfter = time.Second     // without an answer of the server, and of any peer
	renewGap   = 2 * time.Second // between two renewals
)

// A socket is a udp.Conn whose port can be exchanged for another. Until something comes to either it sends by
// both, for the old one may be in order: then the network as a whole was away for a moment. What comes to the other one
// later is still heard.
type socket struct {
	udp.Conn // of the first port; only its Read is used
	current  atomic.Pointer[udp.Conn]
	before   atomic.Pointer[udp.Conn] // while it is undecided which will do; else nil

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

// heard notes that something came to a port: that one will do.
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

// use has the socket send by another port, and closes all but the one before. It reports false for a closed one.
func (s *socket) use(c udp.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	old := *s.current.Load()
	if s.before.Load() != nil {
		old = s.ports[0] // the newer one did no better
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

// serve reads from one of its ports.
func (p *Peer) serve(s *socket, c udp.Conn) {
	_ = udp.Serve(c, func(_ udp.Conn, b udp.Batch) {
		s.heard(c)
		p.handle(s, b)
	})
}

// mayRenew reports whether nothing answers by this peer's ports: neither the server nor, by any
// path, a peer. Ports that were asked for stay.
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

// renew gives this peer other ports, if that may help.
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
