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

// sendProbe sends a packet of the manager. It ignores errors: a check that is not answered shows them.
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

// AddCandidate adds an address at which the peer is likely to receive, and has it probed.
func (l *Link) AddCandidate(r Route) {
	l.doPaths(func(m *path.Manager) { m.AddCandidate(l.now, r.route()) })
}

// AddCandidates has addresses of the peer probed. observed is the address that the server saw,
// or the zero value; cs are those that the peer itself names. Openers are sent at once; probes
// begin after the delay, or when the first packet of the link arrives.
func (l *Link) AddCandidates(observed netip.AddrPort, cs []path.Candidate, delay time.Duration) {
	cs = slices.Clone(cs)
	l.doPaths(func(m *path.Manager) { m.AddCandidates(l.now, observed, cs, delay) })
}

// AddRelay adds a path by the relay; r.Addr is the server's address. An earlier one that is not
// in use is dropped.
func (l *Link) AddRelay(r Route) {
	l.doPaths(func(m *path.Manager) { m.AddRelay(l.now, r.route()) })
}

// MoveRelay moves the relay's channels from an address at which the server is not reached any
// more to another. to.Channel is ignored.
func (l *Link) MoveRelay(from netip.AddrPort, to Route) {
	l.doPaths(func(m *path.Manager) { m.MoveRelay(l.now, from, to.route()) })
}

// RefuseRelay is called when the relay does not know a channel: its server was restarted, or sees
// this end at another address. Another path takes over as soon as there is one, unless an answer
// arrives by the channel first.
func (l *Link) RefuseRelay(channel uint64) {
	l.doPaths(func(m *path.Manager) { m.RefuseRelay(l.now, channel) })
}

// AddProven adds a path to an address at which the peer is known to receive, with the round trip
// that showed it, and the address at which the peer saw this end.
func (l *Link) AddProven(r Route, roundTrip time.Duration, seen netip.Addr) {
	l.doPaths(func(m *path.Manager) { m.AddProven(l.now, r.route(), roundTrip, seen) })
}

// Moved is called when this host's addresses have changed, or it has slept: the paths may have
// changed, too. It checks all of them at once, and the one in use is given up sooner than usual.
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

// Cross sends to ports of an address in turn from one socket, whose NAT gives each of these
// packets a port of its own: first openers, then probes. won receives the socket once it has a
// valid path; it never does if the link ends before. See OpenPool.
func (l *Link) Cross(conn udp.Conn, addr netip.Addr, ports []uint16) (won <-chan udp.Conn) {
	winner := make(chan udp.Conn, 1)
	l.doPaths(func(m *path.Manager) {
		m.Cross(l.now, conn, addr, ports, func(s path.Socket) { winner <- s.(udp.Conn) })
	})
	return winner
}

// OpenPool sends an opener to an address from each of these sockets, which replace those of an
// earlier round. The caller delivers packets that arrive at them to this link from then on. ttl is
// the time to live of the openers; 0: the system's. opened is closed once they are sent, and won
// receives the socket of the first path that becomes valid. Neither happens if the link ends
// before.
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

// ClosePool ends a round: none of its sockets is used any more, except the one that won received,
// if any. It waits for the link's loop.
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

// Ping measures a round trip on the path in use, which it returns, too. The error is why the link
// has ended, or ctx's.
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

// report calls OnPath if the path in use has changed. It is called at the end of a turn of the
// loop, so that a choice that does not last is not reported.
func (l *Link) report() {
	p := l.best()
	if p == nil {
		return
	}
	l.published.smoothed.Store(int64(p.loss.RTT.Estimate()))
	l.published.sendBuffer.Store(l.streams.share(p.loss.Controller.Buffer()))
	now := Path{Kind: p.Kind, Addr: tunnel.Unmark(p.Route.Addr), Limit: p.Limit()}
	if p.State != path.Valid {
		now.Kind = path.None
	}
	if now != l.reported {
		l.reported = now
		l.published.current.Store(&now)
		l.cfg.OnPath(l.Path())
	}
}

// A Survey is a link's paths, at one moment.
type Survey struct {
	Age   time.Duration // of the link
	Paths []path.Report // the one in use first, then those that are valid
	// Unsettled says that written data is not yet acknowledged, Blocked that the peer's
	// application has to read before more of it can be sent.
	Unsettled, Blocked bool
}

// Survey returns what is known of the paths to the peer. The error is why the link has ended, or
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
