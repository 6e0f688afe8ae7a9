package link

import (
	"slices"
	"time"

	"p2ptool/p2p/punch"
)

const (
	maxPaths   = 40
	forgetDead = 2 * time.Minute // until a dead path is dropped
)

func (l *Link) findPath(r Route) *path {
	if l.chosen != nil && l.chosen.route == r {
		return l.chosen
	}
	for _, p := range l.paths {
		if p.route == r {
			return p
		}
	}
	return nil
}

func (l *Link) allowed(relayed bool) bool { return l.cfg.Allow == nil || l.cfg.Allow(relayed) }

// addPath adds a path, unless it is there, not allowed, or too many.
func (l *Link) addPath(r Route) *path {
	if p := l.findPath(r); p != nil {
		return p
	}
	if !l.allowed(r.Channel != 0) || len(l.paths) >= maxPaths && !l.makeRoom() {
		return nil
	}
	p := newPath(r, l.now)
	p.recovery.oldest = l.history.next
	l.paths = append(l.paths, p)
	return p
}

// makeRoom drops the path that will be missed least, of those that do not
// answer.
func (l *Link) makeRoom() bool {
	var least *path
	for _, p := range l.paths {
		if p.state == valid || p == l.chosen || p == l.from {
			continue
		}
		if least == nil || p.hope() < least.hope() {
			least = p
		}
	}
	if least == nil {
		return false
	}
	l.dropPaths(func(p *path) bool { return p == least })
	return true
}

// dropPaths drops the paths of which drop says so.
func (l *Link) dropPaths(drop func(*path) bool) {
	l.paths = slices.DeleteFunc(l.paths, func(p *path) bool {
		if !drop(p) {
			return false
		}
		l.loseAll(p)
		return true
	})
}

// forget drops paths that have been dead for long.
func (l *Link) forget() {
	l.dropPaths(func(p *path) bool {
		return p.state == dead && p != l.chosen && !p.relayed() && l.now.Sub(p.died) > forgetDead
	})
}

// learnPath makes a path of a route that a genuine packet came by. That is no
// proof that the other side is there, so it is probed but a few times.
func (l *Link) learnPath(r Route) bool {
	p := l.addPath(r)
	if p == nil {
		return false
	}
	if p.relayed() || l.budget.allow(r.Addr, l.now) {
		p.schedule = punch.NewShortSchedule(l.now)
	}
	l.from = p
	return true
}

// AddRelay adds the relay's path; Addr is the server's. An earlier one that is
// not in use is dropped.
func (l *Link) AddRelay(r Route) {
	l.do(func() {
		l.dropPaths(func(p *path) bool { return p.relayed() && p.route != r && p != l.chosen })
		if p := l.addPath(r); p != nil && p.state != valid {
			p.schedule = punch.NewSchedule(l.now)
		}
	})
}

// AddProven adds a path at whose address the other side is known to receive,
// with the round trip that showed it.
func (l *Link) AddProven(r Route, roundTrip time.Duration) {
	l.do(func() {
		if p := l.addPath(r); p != nil {
			p.rtt.sample(roundTrip, 0)
			l.validate(p)
		}
	})
}
