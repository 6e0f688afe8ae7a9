package path

import (
	"net/netip"
	"slices"
	"time"
)

// AddRelay adds a relayed path. It drops earlier relayed paths that are not in use.
func (m *Manager) AddRelay(now time.Time, r Route) {
	m.now = now
	m.drop(func(p *Path) bool { return p.Relayed() && p.Route != r && p != m.best })
	if p := m.add(r); p != nil && p.State != Valid {
		p.schedule = NewSchedule(m.now)
	}
}

// MoveRelay moves the relay channels from one address of the server, at which it is no longer
// reachable, to another. It ignores the Channel of to.
func (m *Manager) MoveRelay(now time.Time, from netip.AddrPort, to Route) {
	m.now = now
	for _, p := range slices.Clone(m.paths) {
		if !p.Relayed() || p.Route.Addr != from {
			continue
		}
		to.Channel = p.Route.Channel
		if n := m.add(to); n != nil {
			p.stale, n.stale = true, false
			if n.State != Valid {
				n.schedule = NewSchedule(m.now)
			}
		}
	}
	m.choose()
}

// RefuseRelay handles the relay's notice that it does not know a channel, because the server restarted
// or sees this end at another address. Another path takes over as soon as one is valid, unless an answer
// arrives on the channel first.
func (m *Manager) RefuseRelay(now time.Time, channel uint64) {
	m.now = now
	for _, p := range m.paths {
		if p.Relayed() && p.Route.Channel == channel {
			p.refused = true
		}
	}
	m.choose()
}
