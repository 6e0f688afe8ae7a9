package link

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"p2ptool/p2p/link/wire"
	"p2ptool/p2p/noise"
	"p2ptool/p2p/path"
	"p2ptool/p2p/tunnel"
	"p2ptool/p2p/udp"
)

// This file connects a link to its path.Manager: the link's methods about paths, and the packets that
// the manager wants sent.

// newManager returns the manager of the link's paths.
func (l *Link) newManager() *path.Manager {
	return path.NewManager(path.Config{
		Initiator: l.cfg.Initiator, Loopback: l.cfg.Loopback,
		Route: func(a netip.AddrPort) (path.Route, bool) {
			r, ok := l.cfg.Route(a)
			return r.route(), ok
		},
		Allow: l.cfg.Allow, Own: l.cfg.Own, Kind: relayKind, OpenerTTL: l.cfg.OpenerTTL,
		Targets: l.cfg.Targets, NewFlow: l.newFlow,
	}, l.now)
}

// doPaths has the loop call f, and send what the manager then wants sent.
func (l *Link) doPaths(f func(m *path.Manager)) bool {
	return l.do(func() {
		f(l.paths)
		l.sendProbes()
	})
}

// sendProbes sends what the manager wants sent.
func (l *Link) sendProbes() {
	for _, q := range l.paths.Probes() {
		l.sendProbe(q)
	}
}

// sendProbe sends a packet of the manager. Errors are for the path's checks to notice.
func (l *Link) sendProbe(q path.Probe) {
	conn, f, size := q.Route.Socket.(udp.Conn), flowOf(q.Path), path.MinMTU
	if f != nil {
		size = max(f.MTU, q.Size)
	}
	pkt := l.small(f, size, func(b []byte) []byte {
		if q.HasPong {
			b = wire.AppendPong(b, q.Pong, q.Route.Addr)
		}
		if q.HasPing && q.Padded {
			b = wire.AppendPaddedPing(b, q.Ping)
		} else if q.HasPing {
			b = wire.AppendPing(b, q.Ping)
		}
		if n := q.Size - len(f.head()) - noise.Overhead - len(b); q.Size > 0 && n > 0 {
			clear(b[len(b) : len(b)+n])
			b = b[:len(b)+n]
		}
		return b
	})
	l.put(conn, q.Route.Addr, pkt, q.TTL)
}

// AddCandidate adds an address at which the other side is likely to receive,
// and has it probed.
func (l *Link) AddCandidate(r Route) {
	l.doPaths(func(m *path.Manager) { m.AddCandidate(l.now, r.route()) })
}

// AddCandidates has addresses of the other side probed. observed is what the
// server saw, and may be the zero value; cs is what the other side itself
// names. Openers go out at once, probes begin after the delay, or when the other
// side is heard of.
func (l *Link) AddCandidates(observed netip.AddrPort, cs []path.Candidate, delay time.Duration) {
	cs = slices.Clone(cs)
	l.doPaths(func(m *path.Manager) { m.AddCandidates(l.now, observed, cs, delay) })
}

// AddRelay adds the relay's path; Addr is the server's. An earlier one that is
// not in use is dropped.
func (l *Link) AddRelay(r Route) {
	l.doPaths(func(m *path.Manager) { m.AddRelay(l.now, r.route()) })
}

// MoveRelay has the channels of a relay at one address, which the server is not reached at
// any more, go on at another, to. Its Channel is of no meaning.
func (l *Link) MoveRelay(from netip.AddrPort, to Route) {
	l.doPaths(func(m *path.Manager) { m.MoveRelay(l.now, from, to.route()) })
}

// RefuseRelay says that the relay does not know a channel: its server was restarted, or
// sees this end elsewhere. Another path takes over as soon as there is one, unless an
// answer comes by the channel first.
func (l *Link) RefuseRelay(channel uint64) {
	l.doPaths(func(m *path.Manager) { m.RefuseRelay(l.now, channel) })
}

// AddProven adds a path at whose address the other side is known to receive,
// with the round trip that showed it, and what address of ours it saw then.
func (l *Link) AddProven(r Route, roundTrip time.Duration, seen netip.Addr) {
	l.doPaths(func(m *path.Manager) { m.AddProven(l.now, r.route(), roundTrip, seen) })
}

// Moved says that this host has other addresses, or has slept: the ways here
// may be others. So all paths are asked for an answer at once, and the one in
// use has less patience than else.
func (l *Link) Moved() {
	l.doPaths(func(m *path.Manager) { m.Moved(l.now) })
}

// ProbePorts probes ports of an address from a socket, a few at once, until a direct
// path is found (birthday probing). It replaces an earlier round. The channel is closed
// when nothing more is sent; it is not if the link ends before.
func (l *Link) ProbePorts(conn udp.Conn, addr netip.Addr, ports []uint16) (over <-chan struct{}) {
	done := make(chan struct{})
	l.doPaths(func(m *path.Manager) {
		m.ProbePorts(l.now, conn, addr, ports, func() { close(done) })
	})
	return done
}

// Cross sends to ports of an address in turn from one socket, whose NAT gives
// each of these packets a port of its own: first openers, then probes. Won gives
// the socket once there is a path. See OpenPool.
func (l *Link) Cross(conn udp.Conn, addr netip.Addr, ports []uint16) (won <-chan udp.Conn) {
	winner := make(chan udp.Conn, 1)
	l.doPaths(func(m *path.Manager) {
		m.Cross(l.now, conn, addr, ports, func(s path.Socket) { winner <- s.(udp.Conn) })
	})
	return winner
}

// OpenPool sends an opener to an address from each of these sockets, whose packets
// are then delivered here, in the place of an earlier round's sockets. The time
// to live is the openers'; 0: the system's. Opened is closed once they have
// left, and won gives the socket of the first path that becomes valid. Neither
// is, where the link ends before.
func (l *Link) OpenPool(conns []udp.Conn, to netip.AddrPort, ttl int) (opened <-chan struct{}, won <-chan udp.Conn) {
	winner := make(chan udp.Conn, 1)
	left := make(chan struct{})
	sockets := make([]path.Socket, len(conns))
	for i, c := range conns {
		sockets[i] = c
	}
	l.do(func() {
		l.paths.OpenPool(l.now, sockets, to, ttl, func(s path.Socket) { winner <- s.(udp.Conn) })
		l.sendProbes()
		close(left)
	})
	return left, winner
}

// ClosePool gives a round up: none of its sockets is used from then on but the
// one that won gave, if it did. It waits for the link's loop.
func (l *Link) ClosePool() {
	gone := make(chan struct{})
	if l.doPaths(func(m *path.Manager) {
		m.ClosePool(l.now)
		close(gone)
	}) {
		select {
		case <-gone:
		case <-l.done:
		}
	}
}

// Ping measures a round trip on the path in use.
func (l *Link) Ping(ctx context.Context) (time.Duration, Path, error) {
	answer := make(chan time.Duration, 1)
	if !l.doPaths(func(m *path.Manager) {
		if p := m.Best(); p != nil {
			m.Ping(l.now, p, func(d time.Duration) { answer <- d })
		}
	}) {
		return 0, Path{}, l.Err()
	}
	select {
	case d := <-answer:
		return d, l.Path(), nil
	case <-l.done:
		return 0, Path{}, l.Err()
	case <-ctx.Done():
		return 0, l.Path(), context.Cause(ctx)
	}
}

// report tells the path in use, where it is news. The turn's end calls it, so that a
// choice that does not last is not reported.
func (l *Link) report() {
	p := l.best()
	if p == nil {
		return
	}
	l.smoothed.Store(int64(p.loss.RTT.Estimate()))
	l.sendBuffer.Store(l.streams.share(p.loss.Controller.Buffer()))
	now := Path{Kind: p.Kind, Addr: tunnel.Unmark(p.Route.Addr), Limit: p.Limit()}
	if p.State != path.Valid {
		now.Kind = path.None
	}
	if now != l.reported {
		l.reported = now
		l.current.Store(&now)
		l.cfg.OnPath(l.Path())
	}
}

// A Survey is a link's paths, at one moment.
type Survey struct {
	Age   time.Duration // of the link
	Paths []path.Report // the one in use first, then those that are valid
	// Unsettled says that something which was written has not arrived, Blocked that the other
	// side takes no more of it for now, having not read what came before.
	Unsettled, Blocked bool
}

// Survey returns what is known of the paths to the other side. The error is why the link has ended, or
// ctx's.
func (l *Link) Survey(ctx context.Context) (Survey, error) {
	out := make(chan Survey, 1)
	if !l.do(func() { out <- l.survey() }) {
		return Survey{}, l.Err()
	}
	select {
	case s := <-out:
		return s, nil
	case <-l.done:
		return Survey{}, l.Err()
	case <-ctx.Done():
		return Survey{}, context.Cause(ctx)
	}
}

func (l *Link) survey() Survey {
	s := Survey{Age: l.now.Sub(l.began), Paths: l.paths.Reports()}
	for i := range s.Paths {
		s.Paths[i].Addr = tunnel.Unmark(s.Paths[i].Addr)
	}
	s.Unsettled, s.Blocked = l.streams.unsettled(), l.streams.blocked()
	return s
}
