package path

import (
	"net/netip"
	"slices"
	"time"
)

// A pool is the sockets of a round at the side whose NAT maps by endpoint: each has a port of its own
// there, and the peer probes for one of them. The first that gets a valid path wins; the others are
// ignored from then on.
type pool struct {
	sockets []Socket // but the winner
	won     func(Socket)
	over    time.Time // when it was won, or given up
}

// OpenPool has an opener sent to an address from each of these sockets, which replace those of an
// earlier round. The time to live is the openers'; 0: the system's. won is called with the socket that
// first gets a valid path.
func (m *Manager) OpenPool(now time.Time, sockets []Socket, to netip.AddrPort, ttl int, won func(Socket)) {
	m.now = now
	m.pool = &pool{sockets: slices.Clone(sockets), won: won}
	for _, s := range sockets {
		p := Path{Route: Route{Socket: s, Addr: to}, round: len(sockets) > 1}
		if m.MayReach(now, &p) {
			m.probes = append(m.probes, Probe{Route: p.Route, HasPing: true, Padded: true, TTL: ttl})
		}
	}
}

// ClosePool gives a round up: none of its sockets is used from then on but the one that has won, if any.
func (m *Manager) ClosePool(now time.Time) {
	m.now = now
	if m.pool != nil && m.pool.over.IsZero() {
		m.endPool(nil)
	}
}

// endPool ends a round with a winner, or nil.
func (m *Manager) endPool(winner Socket) {
	f := m.pool
	f.over = m.now
	f.sockets = slices.DeleteFunc(f.sockets, func(s Socket) bool { return s == winner })
	m.drop(func(p *Path) bool { return f.has(p.Route.Socket) })
	if winner != nil {
		f.won(winner)
	}
}

func (f *pool) has(s Socket) bool { return slices.Contains(f.sockets, s) }

// poolValid is called for each path that becomes valid.
func (m *Manager) poolValid(p *Path) {
	if f := m.pool; f != nil && f.over.IsZero() && f.has(p.Route.Socket) {
		m.endPool(p.Route.Socket)
	}
}

// poolDeaf reports whether a route is that of a socket which has not won.
func (m *Manager) poolDeaf(r Route) bool {
	return m.pool != nil && !m.pool.over.IsZero() && m.pool.has(r.Socket)
}

// forgetPool drops the sockets of a round from which nothing comes any more.
func (m *Manager) forgetPool() {
	if f := m.pool; f != nil && !f.over.IsZero() && m.now.Sub(f.over) > roundPatience {
		m.pool = nil
	}
}
