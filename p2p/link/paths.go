package link

import (
	"net/netip"
	"slices"
	"time"

	"p2ptool/p2p/path"
)

const (
	maxPaths   = 40
	forgetDead = 2 * time.Minute // until a dead path is dropped
)

func (l *Link) findPath(r Route) *linkPath {
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
func (l *Link) addPath(r Route) *linkPath {
	if p := l.findPath(r); p != nil {
		return p
	}
	if !l.allowed(r.Channel != 0) || len(l.paths) >= maxPaths && !l.makeRoom() {
		return nil
	}
	p := newLinkPath(r, l.now)
	p.loss.Skip(l.history.End())
	l.paths = append(l.paths, p)
	return p
}

// makeRoom drops the path that will be missed least, of those that do not
// answer.
func (l *Link) makeRoom() bool {
	var least *linkPath
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
	l.dropPaths(func(p *linkPath) bool { return p == least })
	return true
}

// dropPaths drops the paths of which drop says so.
func (l *Link) dropPaths(drop func(*linkPath) bool) {
	l.paths = slices.DeleteFunc(l.paths, func(p *linkPath) bool {
		if !drop(p) {
			return false
		}
		l.loseAll(p)
		return true
	})
}

// forget drops paths that have been dead for long, and those that lead nowhere any more.
func (l *Link) forget() {
	l.dropPaths(func(p *linkPath) bool {
		return p.stale && p != l.chosen || p.state == dead && p != l.chosen && !p.relayed() && l.now.Sub(p.died) > forgetDead
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
		p.schedule = path.NewShortSchedule(l.now)
	}
	l.from = p
	return true
}

// AddRelay adds the relay's path; Addr is the server's. An earlier one that is
// not in use is dropped.
func (l *Link) AddRelay(r Route) {
	l.do(func() {
		l.dropPaths(func(p *linkPath) bool { return p.relayed() && p.route != r && p != l.chosen })
		if p := l.addPath(r); p != nil && p.state != valid {
			p.schedule = path.NewSchedule(l.now)
		}
	})
}

// MoveRelay has the channels of a relay at one address, which the server is not reached at
// any more, go on at another, to. Its Channel is of no meaning.
func (l *Link) MoveRelay(from netip.AddrPort, to Route) {
	l.do(func() {
		for _, p := range slices.Clone(l.paths) {
			if !p.relayed() || p.route.Addr != from {
				continue
			}
			to.Channel = p.route.Channel
			if n := l.addPath(to); n != nil {
				p.stale, n.stale = true, false
				if n.state != valid {
					n.schedule = path.NewSchedule(l.now)
				}
			}
		}
		l.choose()
	})
}

// RefuseRelay says that the relay does not know a channel: its server was restarted, or
// sees this end elsewhere. Another path takes over as soon as there is one, unless an
// answer comes by the channel first.
func (l *Link) RefuseRelay(channel uint64) {
	l.do(func() {
		for _, p := range l.paths {
			if p.relayed() && p.route.Channel == channel {
				p.refused = true
			}
		}
		l.choose()
	})
}

// seenAs makes a path one of the local network where neither end's address is
// translated on it.
func (l *Link) seenAs(p *linkPath, own netip.Addr) {
	if p.kind == path.Direct && p.named && path.Local(p.route.Addr.Addr()) && l.cfg.Own(own) {
		p.kind = path.LAN
	}
}

// AddProven adds a path at whose address the other side is known to receive,
// with the round trip that showed it, and what address of ours it saw then.
func (l *Link) AddProven(r Route, roundTrip time.Duration, seen netip.Addr) {
	l.do(func() {
		if p := l.addPath(r); p != nil {
			p.loss.RTT.Sample(roundTrip, 0)
			l.seenAs(p, seen)
			l.validate(p)
		}
	})
}
