package campaign

import (
	"context"
	"net"
	"os"
	"sync"
	"time"
)

// A plug is what connections of TCP of a machine need to carry: pulled, they wait.
type plug struct {
	mu     sync.Mutex
	turn   sync.Cond
	pulled bool
}

func newPlug() *plug {
	p := &plug{}
	p.turn.L = &p.mu
	return p
}

func (p *plug) pull(out bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pulled = out
	p.turn.Broadcast()
}

// wait returns once the plug is in, or gaveUp is true; wake has it look again.
func (p *plug) wait(gaveUp func() bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.pulled && !gaveUp() {
		p.turn.Wait()
	}
}

func (p *plug) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turn.Broadcast()
}

// dialTCP connects a process of a machine to a server, as Machine.DialTCP.
func (g *gate) dialTCP(ctx context.Context, network, addr string) (net.Conn, error) {
	stop := context.AfterFunc(ctx, g.machine.plug.wake)
	defer stop()
	g.machine.plug.wait(func() bool { return ctx.Err() != nil })
	if !g.pass() || ctx.Err() != nil {
		return nil, os.ErrDeadlineExceeded
	}
	c, err := g.machine.streams.From(g.machine.outerAddr())(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	g.opened(c)
	return &gatedStream{Conn: c, gate: g}, nil
}

// A gatedStream is a connection of TCP of a process.
type gatedStream struct {
	net.Conn
	gate *gate

	mu       sync.Mutex
	finished bool
	deadline time.Time
}

func (s *gatedStream) Write(b []byte) (int, error) {
	s.gate.machine.plug.wait(s.gaveUp)
	if !s.gate.pass() {
		return len(b), nil
	}
	return s.Conn.Write(b)
}

func (s *gatedStream) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	s.gate.machine.plug.wait(s.gaveUp)
	s.gate.pass()
	return n, err
}

// gaveUp reports whether waiting is over: Conn then says why.
func (s *gatedStream) gaveUp() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.finished || !s.deadline.IsZero() && !time.Now().Before(s.deadline)
}

func (s *gatedStream) SetDeadline(t time.Time) error {
	s.expire(t)
	return s.Conn.SetDeadline(t)
}

func (s *gatedStream) SetWriteDeadline(t time.Time) error {
	s.expire(t)
	return s.Conn.SetWriteDeadline(t)
}

func (s *gatedStream) expire(t time.Time) {
	s.mu.Lock()
	s.deadline = t
	s.mu.Unlock()
	if !t.IsZero() {
		time.AfterFunc(time.Until(t), s.gate.machine.plug.wake)
	}
}

func (s *gatedStream) Close() error {
	s.mu.Lock()
	s.finished = true
	s.mu.Unlock()
	s.gate.machine.plug.wake()
	s.gate.closed(s.Conn)
	return s.Conn.Close()
}
