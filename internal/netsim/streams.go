package netsim

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"syscall"
)

// Streams simulates TCP connections beside a Net. They have no delay and no NATs, and are independent of
// the settings for datagrams. The zero value is ready.
type Streams struct {
	mu        sync.Mutex // guards the fields below
	listeners map[netip.AddrPort]*streamListener
	port      uint16 // the last ephemeral port
}

// Listen listens for connections to an address "ip:port".
func (s *Streams) Listen(addr string) (net.Listener, error) {
	at, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listeners[at] != nil {
		return nil, syscall.EADDRINUSE
	}
	if s.listeners == nil {
		s.listeners = make(map[netip.AddrPort]*streamListener)
	}
	l := &streamListener{streams: s, addr: at, incoming: make(chan net.Conn), done: make(chan struct{})}
	s.listeners[at] = l
	return l, nil
}

// From returns a dial function of the host with an address.
func (s *Streams) From(ip string) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, _, addr string) (net.Conn, error) {
		to, err := netip.ParseAddrPort(addr)
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		l := s.listeners[to]
		s.port++
		from := netip.AddrPortFrom(netip.MustParseAddr(ip), firstEphemeral+s.port)
		s.mu.Unlock()
		if l == nil {
			return nil, syscall.ECONNREFUSED
		}
		here, there := net.Pipe()
		select {
		case l.incoming <- streamConn{there, to, from}:
			return streamConn{here, from, to}, nil
		case <-l.done:
			return nil, syscall.ECONNREFUSED
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

type streamListener struct {
	streams  *Streams
	addr     netip.AddrPort
	incoming chan net.Conn
	done     chan struct{}
	closing  sync.Once
}

func (l *streamListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.incoming:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *streamListener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.addr) }

func (l *streamListener) Close() error {
	l.closing.Do(func() {
		close(l.done)
		l.streams.mu.Lock()
		defer l.streams.mu.Unlock()
		delete(l.streams.listeners, l.addr)
	})
	return nil
}

// A streamConn is an end of a pipe with addresses.
type streamConn struct {
	net.Conn
	local, remote netip.AddrPort
}

func (c streamConn) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(c.local) }
func (c streamConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }
