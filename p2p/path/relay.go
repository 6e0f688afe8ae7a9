package path

import (
	"net/netip"
	"slices"
	"time"
)

// AddRelay adds a path by the relay. An earlier one that is not in use is dropped.
func (m *Manager) AddRelay(now time.Time, r Route) {
	m.now = now
	m.drop(func(p *Path) bool { return p.Relayed() && p.Route != r && p != m.best })
	if p := m.add(r); p != nil && p.State != Valid {
		p.schedule = NewSchedule(m.now)
	}
}

// MoveRelay has the channels of a relay at one address, at which the server is not reached any more,
// go on at another. The Channel of to has no meaning.
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

// RefuseRelay is called when the relay does not know a channel: its server was restarted, or sees this
// end elsewhere. Another path takes over as soon as there is one, unless an answer comes by the channel
// first.
func (m *Manager) RefuseRelay(now time.Time, channel uint64) {
	m.now = now
	for _, p := range m.paths {
		if p.Relayed() && p.Route.Channel == channel {
			p.refused = true
		}
	}
	m.choose()
}
