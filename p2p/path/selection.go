package path

import (
	"net/netip"
	"time"
)

// followAfter is how long the path in use may have been silent while data arrives by another, until
// it is checked.
const followAfter = 500 * time.Millisecond

// AddProven adds a path at whose address the peer is known to receive, with the round trip that
// showed it, and the address of ours that the peer saw.
func (m *Manager) AddProven(now time.Time, r Route, roundTrip time.Duration, seen netip.Addr) {
	m.now = now
	if p := m.add(r); p != nil {
		p.Flow.RTT().Sample(roundTrip, 0)
		m.seenAs(p, seen)
		m.validate(p)
	}
}

// validate is called when a full-size check of a path was answered.
func (m *Manager) validate(p *Path) {
	if p.State != Valid {
		p.State, p.narrow = Valid, false
		p.prove(m.now)
		m.noteAnswer(p)
		p.schedule = Schedule{}
		p.opener = false
		p.confirm = confirmPings
		p.nextPing = m.now.Add(confirmGap)
		m.poolValid(p)
	}
	m.choose()
}

// choose takes the best valid path into use, and keeps the one in use if there is none.
func (m *Manager) choose() {
	best := m.best
	for _, p := range m.paths {
		if p.usable() && (best == nil || !best.usable() || m.better(p, best)) {
			best = p
		}
	}
	if best != m.best {
		if old := m.best; old != nil && (old.refused || old.State != Valid) {
			old.Flow.Abandon()
		}
		m.best = best
		if best.misses == 0 {
			best.prove(m.now) // its patience begins anew
		} else {
			best.nextPing = m.now
		}
	}
}

// better compares valid paths. When the one in use was lost, the others have been checked already: one
// that has answered is better, and one that has not keeps the patience that is left. So a peer that
// is gone is not waited for on each of its paths in turn.
func (m *Manager) better(p, than *Path) bool {
	if m.best.State != Valid && (p.misses == 0) != (than.misses == 0) {
		return p.misses == 0
	}
	return p.quality().Better(than.quality())
}

// Data is called when data arrived by a path. If that is not the path in use, our own packets may not
// get through on that any more: it is checked, and has less patience than usual (lossDue).
func (m *Manager) Data(now time.Time, p *Path) {
	m.now, m.fed = now, now
	c := m.best
	if p == c || c == nil || c.State != Valid || p.State != Valid {
		return
	}
	m.doubt = m.now
	if c.misses == 0 && m.now.Sub(c.proven) > max(followAfter, 2*c.Flow.RTT().Estimate()) {
		m.ping(c, nil)
	}
}

// doubted reports whether data has arrived by another path, or this host has moved, since the path in
// use last answered.
func (m *Manager) doubted(p *Path) bool { return p == m.best && m.doubt.After(p.proven) }

// Moved is called when this host has other addresses, or has slept: the paths may have changed. All are
// checked at once, and the one in use has less patience than usual.
func (m *Manager) Moved(now time.Time) {
	m.now, m.doubt = now, now
	for _, p := range m.paths {
		if p.State == Valid {
			m.ping(p, nil)
		}
	}
}
