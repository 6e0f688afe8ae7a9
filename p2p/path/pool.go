package path

import (
	"net/netip"
	"slices"
	"time"
)

// A pool holds the sockets of a round on the side behind the symmetric NAT. The NAT gives each socket a
// different port, and the peer probes random ports to find one of them. The first socket that gets a
// valid path wins. After that, packets on the others are ignored.
type pool struct {
	sockets []Socket // without the winner
	won     func(Socket)
	over    time.Time // when the round ended
}

// OpenPool sends an opener to an address from each of the sockets, which replace those of an earlier
// round. ttl is the time to live of the openers; 0: the system's. won is called with the first socket
// that gets a valid path.
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

// ClosePool ends a round that has no winner yet. None of its sockets is used after that.
func (m *Manager) ClosePool(now time.Time) {
	m.now = now
	if m.pool != nil && m.pool.over.IsZero() {
		m.endPool(nil)
	}
}

// endPool ends a round. winner is nil if no socket won.
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

// poolValid ends the round if p, which has become valid, belongs to one of its sockets.
func (m *Manager) poolValid(p *Path) {
	if f := m.pool; f != nil && f.over.IsZero() && f.has(p.Route.Socket) {
		m.endPool(p.Route.Socket)
	}
}

// poolDeaf reports whether a route belongs to a socket that lost the round.
func (m *Manager) poolDeaf(r Route) bool {
	return m.pool != nil && !m.pool.over.IsZero() && m.pool.has(r.Socket)
}

// forgetPool forgets a round some time after its end.
func (m *Manager) forgetPool() {
	if f := m.pool; f != nil && !f.over.IsZero() && m.now.Sub(f.over) > roundPatience {
		m.pool = nil
	}
}
