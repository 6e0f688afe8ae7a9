package link

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"p2ptool/p2p/link/wire"
	"p2ptool/p2p/path"
	"p2ptool/p2p/udp"
)

// sprayPatience is how long after the last probe of a spray an answer is taken
// for one, and how long the other sockets that were hit are not listened to.
const sprayPatience = 5 * time.Second

// crossPause is how long the probes of Cross wait for the other side's openers,
// which leave a way by the relay later.
const crossPause = 250 * time.Millisecond

// A spray is a round of probes toward many ports of one address, behind
// one of which a socket of the other side waits. The first answer decides: what
// comes from the other ports is not heard, so both ends agree on the path.
type spray struct {
	path    linkPath // from which socket; with each port in turn
	openers []uint16 // ports to which an opener goes before the probes
	ports   []uint16 // that are left
	probes  []probe  // that were sent
	next    time.Time
	until   time.Time      // answers are taken
	decides bool           // only one answer counts
	decided netip.AddrPort // where that came from
	over    chan struct{}  // closed when no more is sent
	ended   bool
}

type probe struct {
	port uint16
	id   uint64
	sent time.Time
}

// Spray probes ports of an address from a socket, a few at once, until a direct
// path is found. It takes the place of an earlier spray. The channel is closed
// when nothing more is sent; it is not where the link ends before.
func (l *Link) Spray(conn udp.Conn, addr netip.Addr, ports []uint16) (over <-chan struct{}) {
	s := newSpray(conn, addr, ports)
	s.decides = true
	l.do(func() { l.startSpray(s) })
	return s.over
}

// Cross sends to ports of an address in turn from one socket, whose NAT gives
// each of these packets a port of its own: first openers, then probes. Won gives
// the socket once there is a path. See Open.
func (l *Link) Cross(conn udp.Conn, addr netip.Addr, ports []uint16) (won <-chan udp.Conn) {
	s := newSpray(conn, addr, ports)
	s.openers = ports
	f := &fan{conns: []udp.Conn{conn}, won: make(chan udp.Conn, 1)}
	l.do(func() {
		l.fan = f
		l.startSpray(s)
	})
	return f.won
}

func newSpray(conn udp.Conn, addr netip.Addr, ports []uint16) *spray {
	s := &spray{ports: ports, over: make(chan struct{})}
	s.path = linkPath{route: Route{Conn: conn, Addr: netip.AddrPortFrom(addr, 0)}, mtu: minMTU, round: true}
	return s
}

func (l *Link) startSpray(s *spray) {
	if l.spray != nil {
		l.spray.finish()
	}
	l.spray = s
	s.next, s.until = l.now, l.now.Add(sprayPatience)
	if len(s.openers) > 0 {
		for _, port := range s.openers {
			l.probe(s, port, l.cfg.OpenerTTL())
		}
		s.next = l.now.Add(crossPause)
	}
}

// sprayDue returns when a spray has something to do; zero: never.
func (l *Link) sprayDue() time.Time {
	switch s := l.spray; {
	case s == nil:
		return time.Time{}
	case !s.ended:
		return s.next
	default:
		return s.until
	}
}

// tendSpray sends the probes that are due.
func (l *Link) tendSpray() {
	s := l.spray
	switch {
	case s == nil, l.sprayDue().After(l.now):
	case s.ended:
		l.spray = nil
	case l.direct(), len(s.ports) == 0: // by whichever way
		s.finish()
	default:
		n := min(path.BirthdayBatch, len(s.ports))
		for _, port := range s.ports[:n] {
			l.probe(s, port, 0)
		}
		s.ports = s.ports[n:]
		s.next, s.until = l.now.Add(path.BirthdayGap), l.now.Add(sprayPatience)
	}
}

func (l *Link) probe(s *spray, port uint16, ttl int) {
	q := probe{port, rand.Uint64(), l.now}
	s.probes = append(s.probes, q)
	s.path.route.Addr = netip.AddrPortFrom(s.path.route.Addr.Addr(), port)
	l.postTTL(&s.path, ttl, func(b []byte) []byte { return wire.AppendPaddedPing(b, q.id) })
}

// finish sends no more.
func (s *spray) finish() {
	s.ports = nil
	if !s.ended {
		s.ended = true
		close(s.over)
	}
}

// toward reports whether a route is one of those that are probed.
func (s *spray) toward(r Route) bool {
	return s != nil && s.path.route.Conn == r.Conn && s.path.route.Addr.Addr() == r.Addr.Addr() && r.Channel == 0
}

// sprayAnswered takes a PONG for one of a spray's probes.
func (l *Link) sprayAnswered(r Route, id uint64) (took time.Duration, ok bool) {
	s := l.spray
	if !s.toward(r) {
		return 0, false
	}
	i := slices.IndexFunc(s.probes, func(q probe) bool { return q.id == id && q.port == r.Addr.Port() })
	if i < 0 {
		return 0, false
	}
	if s.decides {
		s.decided = r.Addr
	}
	return l.now.Sub(s.probes[i].sent), true
}

// sprayDeaf reports whether a route is one that a spray has decided against.
func (l *Link) sprayDeaf(r Route) bool {
	s := l.spray
	return s.toward(r) && s.decided.IsValid() && r.Addr != s.decided
}

// direct reports whether a path that is not relayed is valid.
func (l *Link) direct() bool {
	return slices.ContainsFunc(l.paths, func(p *linkPath) bool { return p.state == valid && !p.relayed() })
}
