package path

import (
	"net/netip"
	"time"
)

// followAfter is how long the path in use may be silent, while data arrives on another path, before
// it is checked.
const followAfter = 500 * time.Millisecond

// AddProven adds a valid path to an address at which the peer is known to receive. roundTrip is the
// round-trip time of the exchange that showed it. seen is this end's address as the peer sees it.
func (m *Manager) AddProven(now time.Time, r Route, roundTrip time.Duration, seen netip.Addr) {
	m.now = now
	if p := m.add(r); p != nil {
		p.Flow.RTT().Sample(roundTrip, 0)
		m.seenAs(p, seen)
		m.validate(p)
	}
}

// validate makes a path valid after the peer has answered a full-size check on it.
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

// choose switches to the best valid path. If there is none, it keeps the path in use.
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
			best.prove(m.now) // restart its patience
		} else {
			best.nextPing = m.now
		}
	}
}

// better compares valid paths. When the path in use has been lost, the others have already been
// checked. A path that answered is better than one that did not. One that did not answer keeps its
// remaining patience, so that the link does not wait for a dead peer on each of its paths in turn.
func (m *Manager) better(p, than *Path) bool {
	if m.best.State != Valid && (p.misses == 0) != (than.misses == 0) {
		return p.misses == 0
	}
	return p.quality().Better(than.quality())
}

// Data handles the arrival of data on a path. If it is not the path in use, the path in use may no
// longer carry our packets. Data checks it, and gives it less patience than usual (lossDue).
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

// doubted reports whether p is the path in use and, since it last answered, data has arrived on another
// path or this host has moved.
func (m *Manager) doubted(p *Path) bool { return p == m.best && m.doubt.After(p.proven) }

// Moved handles a change of this host's addresses, or its wake-up from sleep. Paths may have stopped
// working, so Moved checks all of them at once, and gives the path in use less patience than usual.
func (m *Manager) Moved(now time.Time) {
	m.now, m.doubt = now, now
	for _, p := range m.paths {
		if p.State == Valid {
			m.ping(p, nil)
		}
	}
}
