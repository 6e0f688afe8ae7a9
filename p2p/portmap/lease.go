package portmap

import (
	"net/netip"
	"time"
)

const (
	// wantedLife is the requested lifetime: short enough that the mapping of a killed process
	// does not stay for long.
	wantedLife = 20 * time.Minute
	minLife    = time.Minute // shorter lifetimes count as this
	maxLife    = 24 * time.Hour

	lookEvery  = time.Minute      // interval of reading the router's epoch
	retryFirst = time.Minute      // after a failure; doubles with each further one
	retryLast  = 30 * time.Minute //
	hintPause  = 5 * time.Second  // minimum interval of requests, however many hints there are
)

// A lease is a granted mapping.
type lease struct {
	external netip.AddrPort
	life     time.Duration
}

// A plan is the current lease, and when to talk to the router next. Its methods take the current time.
type plan struct {
	held    lease
	expires time.Time // of held
	asked   time.Time // the last request
	due     time.Time // the next request
	look    time.Time // the next read of the epoch
	failed  int       // in a row
	epoch   epoch
}

// granted records a mapping, which is renewed at half its lifetime.
func (p *plan) granted(now time.Time, l lease) {
	life := min(max(l.life, minLife), maxLife)
	p.held, p.expires, p.asked, p.failed = l, now.Add(life), now, 0
	p.due, p.look = now.Add(life/2), now.Add(lookEvery)
}

// refused records a failure. An existing lease stays until it expires.
func (p *plan) refused(now time.Time) {
	p.asked, p.look = now, now.Add(lookEvery)
	p.due = now.Add(min(retryFirst<<min(p.failed, 10), retryLast))
	p.failed++
	switch {
	case !p.held.external.IsValid():
	case !now.Before(p.expires):
		p.held = lease{}
	case p.expires.Before(p.due):
		p.due = p.expires
	}
}

// hint schedules a request soon, because something has changed.
func (p *plan) hint(now time.Time) {
	at := p.asked.Add(hintPause)
	if at.Before(now) {
		at = now
	}
	if at.Before(p.due) {
		p.due, p.failed = at, 0
	}
}

// looked records the router's epoch. If the router has lost its mappings, the next request is due
// at once.
func (p *plan) looked(now time.Time, seconds uint32) {
	p.look = now.Add(lookEvery)
	if p.epoch.restarted(now, seconds) {
		p.due = now
	}
}

// next returns the time of the next action.
func (p *plan) next() time.Time {
	if p.held.external.IsValid() && p.look.Before(p.due) {
		return p.look
	}
	return p.due
}

// An epoch tracks a router's epoch, which restarts when the router loses its mappings. The zero value
// is ready.
type epoch struct {
	at      time.Time
	seconds uint32
}

// restarted records a router's epoch and reports whether it has restarted: it went backwards, or its
// speed differs from our clock's by more than a sixteenth (RFC 6887, section 8.5).
func (e *epoch) restarted(now time.Time, seconds uint32) bool {
	first := e.at.IsZero()
	ours := int64(now.Sub(e.at) / time.Second)
	theirs := int64(seconds) - int64(e.seconds)
	e.at, e.seconds = now, seconds
	switch {
	case first:
		return false
	case theirs < -1:
		return true
	}
	theirs = max(theirs, 0)
	return ours+2 < theirs-theirs/16 || theirs+2 < ours-ours/16
}
