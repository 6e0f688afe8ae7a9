package portmap

import (
	"net/netip"
	"time"
)

const (
	// wantedLife is what a router is asked for: short enough that the mapping of a
	// process that was killed does not stay for long.
	wantedLife = 20 * time.Minute
	minLife    = time.Minute // shorter ones are taken for this
	maxLife    = 24 * time.Hour

	lookEvery  = time.Minute      // between looks at the router's epoch
	retryFirst = time.Minute      // after a failure; twice as long after each further
	retryLast  = 30 * time.Minute //
	hintPause  = 5 * time.Second  // between askings, however often something changes
)

// A lease is a mapping that was granted.
type lease struct {
	external netip.AddrPort
	life     time.Duration
}

// A plan is what is held, and when the router is spoken to next. Its methods
// take the time.
type plan struct {
	held    lease
	expires time.Time // of what is held
	asked   time.Time // last
	due     time.Time // to ask for the mapping
	look    time.Time // to look at the epoch
	failed  int       // in a row
	epoch   epoch
}

// granted takes a mapping: it is renewed at half its lifetime.
func (p *plan) granted(now time.Time, l lease) {
	life := min(max(l.life, minLife), maxLife)
	p.held, p.expires, p.asked, p.failed = l, now.Add(life), now, 0
	p.due, p.look = now.Add(life/2), now.Add(lookEvery)
}

// refused takes a failure. What is held stays until it expires.
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

// hint has the router asked soon: something has changed.
func (p *plan) hint(now time.Time) {
	at := p.asked.Add(hintPause)
	if at.Before(now) {
		at = now
	}
	if at.Before(p.due) {
		p.due, p.failed = at, 0
	}
}

// looked takes what a look at the router told. A router that has lost what it
// held is asked at once.
func (p *plan) looked(now time.Time, seconds uint32) {
	p.look = now.Add(lookEvery)
	if p.epoch.restarted(now, seconds) {
		p.due = now
	}
}

// next returns when something is to be done.
func (p *plan) next() time.Time {
	if p.held.external.IsValid() && p.look.Before(p.due) {
		return p.look
	}
	return p.due
}

// An epoch watches the clock of a router, which begins anew when it forgets
// its mappings. The zero value has seen none.
type epoch struct {
	at      time.Time
	seconds uint32
}

// restarted takes a router's clock and reports whether it has begun anew: it
// runs backwards, or at another speed than ours by an eighth (RFC 6887, 8.5).
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
