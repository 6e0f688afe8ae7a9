package campaign

import (
	"context"
	"net"
	"net/netip"
	"sync"

	"p2ptool/internal/netsim"
	"p2ptool/p2p/udp"
)

// A gate is a process's way to its machine's network. It can be stopped, as SIGSTOP
// stops a process: what the process says and hears waits. It can be shut
// for good, as SIGKILL does: the sockets are closed and nothing more is said.
type gate struct {
	machine *machine

	mu     sync.Mutex
	turn   sync.Cond // the state has changed
	paused bool
	dead   bool
	open   map[interface{ Close() error }]bool
}

func newGate(m *machine) *gate {
	g := &gate{machine: m, open: map[interface{ Close() error }]bool{}}
	g.turn.L = &g.mu
	return g
}

func (g *gate) pause()  { g.set(func() { g.paused = true }) }
func (g *gate) resume() { g.set(func() { g.paused = false }) }

// kill shuts the gate for good.
func (g *gate) kill() {
	g.set(func() { g.dead, g.paused = true, false })
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.open {
		c.Close()
	}
}

func (g *gate) set(change func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change()
	g.turn.Broadcast()
}

// pass waits while the process is stopped, and reports whether it lives.
func (g *gate) pass() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.paused && !g.dead {
		g.turn.Wait()
	}
	return !g.dead
}

func (g *gate) opened(c interface{ Close() error }) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open[c] = true
}

func (g *gate) closed(c interface{ Close() error }) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.open, c)
}

// Listen, Addrs and Watch are those of udp.Network and udp.Watcher.
func (g *gate) Listen(family string, addr netip.AddrPort) (udp.Conn, error) {
	if !g.pass() {
		return nil, net.ErrClosed
	}
	c, err := g.machine.host.Listen(family, addr)
	if err != nil {
		return nil, err
	}
	g.opened(c)
	return &gatedSocket{c, g}, nil
}

func (g *gate) Addrs() ([]netip.Addr, error) { return g.machine.host.Addrs() }

func (g *gate) Watch(ctx context.Context, changed func()) error {
	return g.machine.host.Watch(ctx, func() {
		if g.pass() {
			changed()
		}
	})
}

var (
	_ udp.Network = (*gate)(nil)
	_ udp.Watcher = (*gate)(nil)
	_ udp.Network = (*netsim.Host)(nil)
)

type gatedSocket struct {
	udp.Conn
	gate *gate
}

func (s *gatedSocket) Read(b []udp.Batch) (int, error) {
	n, err := s.Conn.Read(b)
	s.gate.pass()
	return n, err
}

func (s *gatedSocket) Write(b udp.Batch) error {
	if !s.gate.pass() {
		return nil
	}
	return s.Conn.Write(b)
}

func (s *gatedSocket) WriteTTL(b udp.Batch, ttl int) error {
	if !s.gate.pass() {
		return nil
	}
	return s.Conn.WriteTTL(b, ttl)
}

func (s *gatedSocket) Close() error {
	s.gate.closed(s.Conn)
	return s.Conn.Close()
}
