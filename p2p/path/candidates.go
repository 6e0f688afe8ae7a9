package path

import (
	"net/netip"
	"time"
)

// AddCandidate adds an address at which the peer is likely to receive, and schedules probes of it.
func (m *Manager) AddCandidate(now time.Time, r Route) {
	m.now = now
	if p := m.add(r); p != nil && p.State != Valid {
		p.vouched = true
		p.schedule = NewSchedule(m.now)
	}
}

// AddCandidates schedules probes of addresses of the peer. observed is the address that a server saw, and
// may be the zero value. cs are the candidates that the peer names. Openers are sent at once. Probes start
// after the delay, or earlier if a packet of the link arrives.
func (m *Manager) AddCandidates(now time.Time, observed netip.AddrPort, cs []Candidate, delay time.Duration) {
	m.now = now
	if r, ok := m.candidateRoute(observed); ok {
		m.observed = observed
		if p := m.add(r); p != nil && p.State != Valid {
			p.opener = !Local(observed.Addr())
			p.schedule = m.observedSchedule(m.now.Add(delay))
		}
	}
	m.addCandidates(cs, m.now.Add(delay))
}

// Named handles candidates that the peer names over the link.
func (m *Manager) Named(now time.Time, cs []Candidate) {
	m.now = now
	m.addCandidates(cs, m.now)
}

// observedSchedule returns the schedule for the address at which a server saw the peer. It is short as
// long as the server may have made up the address.
func (m *Manager) observedSchedule(start time.Time) Schedule {
	if m.Unconfirmed() {
		return NewShortSchedule(start)
	}
	return NewSchedule(start)
}

// hasten handles the first packet of the link, on any path. It ends the delay of AddCandidates and starts the
// full schedule of the observed address, because the peer is now sending its own probes, too.
func (m *Manager) hasten() {
	for _, p := range m.paths {
		p.schedule.Hasten(m.now)
		if p.State != Valid && !p.Relayed() && p.Route.Addr == m.observed {
			p.schedule = NewSchedule(m.now)
		}
	}
}

// addCandidates schedules probes of addresses that only the peer names, within the budget. It ignores
// addresses beyond the budget.
func (m *Manager) addCandidates(cs []Candidate, start time.Time) {
	for _, c := range cs {
		r, ok := m.candidateRoute(c.Addr)
		if !ok {
			continue
		}
		p := m.find(r)
		if p != nil {
			p.named = p.named || c.Kind == Host
			if _, due := p.schedule.Due(); p.State != Untested || due {
				continue
			}
		}
		if !m.allowed(false) || !m.budget.allow(c.Addr, m.now) {
			continue
		}
		if p = m.add(r); p != nil {
			p.named = p.named || c.Kind == Host
			p.opener = !Local(c.Addr.Addr())
			p.schedule = NewShortSchedule(start)
		}
	}
}

// candidateRoute returns the route to an address; ok is false if it must not or cannot be probed.
func (m *Manager) candidateRoute(a netip.AddrPort) (Route, bool) {
	if !Usable(a, m.cfg.Loopback) {
		return Route{}, false
	}
	return m.cfg.Route(a)
}
