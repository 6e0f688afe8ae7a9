package link

import (
	"net/netip"
	"slices"
	"time"

	"p2ptool/p2p/link/wire"
	"p2ptool/p2p/udp"
)

// A fan is the sockets of a round at the side whose NAT maps by endpoint: each
// has a port of its own there, and the other side probes for one of them. The
// first that becomes a path wins; the others are not heard any more.
type fan struct {
	conns []udp.Conn // but the winner
	won   chan udp.Conn
	over  time.Time // when it was won, or given up
}

// Open sends an opener to an address from each of these sockets, whose packets
// are then delivered here, in the place of an earlier round's sockets. The time
// to live is the openers'; 0: the system's. Opened is closed once they have
// left, and won gives the socket of the first path that becomes valid. Neither
// is, where the link ends before.
func (l *Link) Open(conns []udp.Conn, to netip.AddrPort, ttl int) (opened <-chan struct{}, won <-chan udp.Conn) {
	f := &fan{conns: slices.Clone(conns), won: make(chan udp.Conn, 1)}
	left := make(chan struct{})
	l.do(func() {
		l.fan = f
		for _, c := range conns {
			p := linkPath{route: Route{Conn: c, Addr: to}, mtu: minMTU, round: len(conns) > 1}
			l.postTTL(&p, ttl, func(b []byte) []byte { return wire.AppendPaddedPing(b, 0) })
		}
		close(left)
	})
	return left, f.won
}

// CloseFan gives a round up: none of its sockets is used from then on but the
// one that won gave, if it did. It waits for the link's loop.
func (l *Link) CloseFan() {
	gone := make(chan struct{})
	if l.do(func() {
		if l.fan != nil && l.fan.over.IsZero() {
			l.endFan(nil)
		}
		close(gone)
	}) {
		select {
		case <-gone:
		case <-l.done:
		}
	}
}

// endFan ends a round with a winner, or nil.
func (l *Link) endFan(winner udp.Conn) {
	f := l.fan
	f.over = l.now
	f.conns = slices.DeleteFunc(f.conns, func(c udp.Conn) bool { return c == winner })
	l.dropPaths(func(p *linkPath) bool { return f.has(p.route.Conn) })
	if winner != nil {
		f.won <- winner // there is room for one
	}
}

func (f *fan) has(c udp.Conn) bool { return slices.Contains(f.conns, c) }

// fanValid is told of each path that becomes valid.
func (l *Link) fanValid(p *linkPath) {
	if f := l.fan; f != nil && f.over.IsZero() && f.has(p.route.Conn) {
		l.endFan(p.route.Conn)
	}
}

// fanDeaf reports whether a route is that of a socket which has not won.
func (l *Link) fanDeaf(r Route) bool {
	return l.fan != nil && !l.fan.over.IsZero() && l.fan.has(r.Conn)
}

// forgetFan lets the sockets of a round go from which nothing comes any more.
func (l *Link) forgetFan() {
	if f := l.fan; f != nil && !f.over.IsZero() && l.now.Sub(f.over) > sprayPatience {
		l.fan = nil
	}
}
