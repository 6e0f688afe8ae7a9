package link

import (
	"net/netip"
	"slices"
	"time"

	"p2ptool/p2p/punch"
	"p2ptool/p2p/udp"
)

// How long a path may be silent: until it is pinged, between those pings, and
// until it counts as dead.
var (
	watchBusy    = patience{time.Second, 250 * time.Millisecond, 2 * time.Second}
	watchChosen  = patience{3 * time.Second, 500 * time.Millisecond, 6 * time.Second}
	watchStandby = patience{15 * time.Second, time.Second, 18 * time.Second}
)

type patience struct{ first, again, last time.Duration }

const (
	confirmPings  = 3 // sent soon after a path became valid: its NAT may wait for them
	confirmGap    = 20 * time.Millisecond
	troubleGap    = time.Second
	forgetDead    = 2 * time.Minute
	desperateGap  = time.Second // between pings while nothing answers
	deadMinMisses = 2
	followAfter   = 500 * time.Millisecond
	fedLately     = 5 * time.Second // who only receives learns by silence alone that its path has died

	probeBudget = 48               // addresses probed only because the other side named them
	probeRefill = 10 * time.Second // for each more
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
	if !l.allowed(r.Channel != 0) || len(l.paths) >= maxPaths && !l.forgetPath() {
		return nil
	}
	p := newPath(r)
	l.paths = append(l.paths, p)
	return p
}

// forgetPath makes room by dropping a path that never answered or is dead.
func (l *Link) forgetPath() bool {
	for i, p := range l.paths {
		if p.state != valid && p != l.chosen && !p.relayed() {
			l.loseAll(p)
			l.paths = slices.Delete(l.paths, i, i+1)
			return true
		}
	}
	return false
}

// learnPath makes a path of a route that a genuine packet came by.
func (l *Link) learnPath(r Route) bool {
	p := l.addPath(r)
	if p == nil {
		return false
	}
	p.schedule = punch.NewSchedule(l.now)
	l.from = p
	return true
}

// AddRelay adds the relay's path; Addr is the server's.
func (l *Link) AddRelay(r Route) {
	l.do(func() {
		l.paths = slices.DeleteFunc(l.paths, func(p *path) bool {
			stale := p.relayed() && p.route != r && p != l.chosen
			if stale {
				l.loseAll(p)
			}
			return stale
		})
		if p := l.addPath(r); p != nil && p.state != valid {
			p.schedule = punch.NewSchedule(l.now)
		}
	})
}

// AddProven adds a path at whose address the other side is known to receive.
func (l *Link) AddProven(r Route) {
	l.do(func() {
		if p := l.addPath(r); p != nil {
			l.validate(p)
		}
	})
}

// AddCandidate adds an address at which the other side is likely to receive,
// and has it probed.
func (l *Link) AddCandidate(r Route) {
	l.do(func() {
		if p := l.addPath(r); p != nil && p.state != valid {
			p.schedule = punch.NewSchedule(l.now)
		}
	})
}

// AddCandidates has addresses of the other side probed. observed is what the
// server saw, and may be the zero value; cs is what the other side itself
// names. Openers go out at once, probes begin after the delay.
func (l *Link) AddCandidates(observed netip.AddrPort, cs []punch.Candidate, delay time.Duration) {
	l.do(func() {
		if p := l.addCandidate(observed); p != nil {
			p.opener = !punch.Local(observed.Addr())
			p.schedule = punch.NewSchedule(l.now.Add(delay))
		}
		l.addCandidates(cs, l.now.Add(delay))
	})
}

func (l *Link) addCandidates(cs []punch.Candidate, start time.Time) {
	for _, c := range cs {
		p := l.addCandidate(c.Addr)
		if p == nil {
			continue
		}
		p.named = p.named || c.Kind == punch.Host
		if _, due := p.schedule.Due(); p.state == candidate && !due && l.mayProbe(p) {
			p.opener = !punch.Local(c.Addr.Addr())
			p.schedule = punch.NewShortSchedule(start)
		}
	}
}

// mayProbe keeps the probes of addresses that only the other side named within
// a budget: it could name a stranger's, again and again.
func (l *Link) mayProbe(p *path) bool {
	if p.tried || l.probed >= probeBudget+int(l.now.Sub(l.started)/probeRefill) {
		return false
	}
	p.tried = true
	l.probed++
	return true
}

func (l *Link) addCandidate(a netip.AddrPort) *path {
	r, ok := l.cfg.Route(a)
	if !ok || !punch.Usable(a, l.cfg.Loopback) {
		return nil
	}
	return l.addPath(r)
}

// pong answers a ping on the path it came by, and pings back a path that is
// not yet valid: what reached us may let us through now.
func (l *Link) pong(p *path, id uint64) {
	back := p.state != valid
	pkt := l.sendFrames(p, func(b []byte) []byte {
		b = appendPong(b, id, p.route.Addr)
		if back {
			b = appendPing(b, p.newPing(l.now, nil))
		}
		return b
	})
	l.write(p, udp.Batch{Data: pkt, Size: len(pkt)})
}

// ping asks a path for an answer.
func (l *Link) ping(p *path, answer func(time.Duration)) {
	p.nextPing = l.now.Add(l.patience(p).again)
	pkt := l.sendFrames(p, func(b []byte) []byte { return appendPing(b, p.newPing(l.now, answer)) })
	b := udp.Batch{Addr: p.route.Addr, Data: pkt, Size: len(pkt)}
	if p.opener {
		p.opener = false
		_ = p.route.Conn.WriteTTL(b, punch.OpenerTTL)
		return
	}
	l.write(p, b)
}

// validate takes an answer of a path.
func (l *Link) validate(p *path) {
	if p.state != valid {
		p.state = valid
		p.prove(l.now)
		p.schedule = punch.Schedule{}
		p.confirm = confirmPings
		p.nextPing = l.now.Add(confirmGap)
	}
	l.choose()
}

func (l *Link) revive(p *path) {
	p.state = candidate
	l.validate(p)
}

// choose takes the best valid path into use, and stays where there is none.
func (l *Link) choose() {
	best := l.chosen
	for _, p := range l.paths {
		if p.state == valid && (best == nil || best.state != valid || p.quality().Better(best.quality())) {
			best = p
		}
	}
	if best != l.chosen {
		best.proven = l.now // its patience begins anew
		l.chosen = best
	}
	l.report()
}

// report tells the path in use, where it is news.
func (l *Link) report() {
	p := l.chosen
	if p == nil {
		return
	}
	l.smoothed.Store(int64(p.rtt.estimate()))
	l.sendBuffer.Store(int64(min(max(2*p.cc.window(), minSendBuf), maxStream)))
	now := Path{p.kind, p.route.Addr, p.rtt.estimate()}
	if p.state != valid {
		now.Kind = punch.PathNone
	}
	l.current.Store(&now)
	if now.Kind != l.reported.Kind || now.Addr != l.reported.Addr {
		l.reported = now
		l.cfg.OnPath(now)
	}
}

// patience returns how long p may be silent.
func (l *Link) patience(p *path) patience {
	switch {
	case p != l.chosen:
		return watchStandby
	case p.inFlight == 0 && !l.elsewhere.After(p.proven) && l.now.Sub(l.fed) > fedLately:
		return watchChosen
	case l.alternative(p):
		return watchBusy
	}
	return patience{watchBusy.first, watchBusy.again, watchChosen.last}
}

// alternative reports whether another path than p is valid.
func (l *Link) alternative(p *path) bool {
	return slices.ContainsFunc(l.paths, func(o *path) bool { return o != p && o.state == valid })
}

// pingDue returns when a path is to be pinged next; ok is false for never.
func (l *Link) pingDue(p *path) (at time.Time, ok bool) {
	switch {
	case p.opener:
		return l.now, true
	case p.state != valid:
		return p.schedule.Due()
	case p.confirm > 0 || p.misses > 0:
		return p.nextPing, true
	}
	return p.proven.Add(l.patience(p).first), true
}

// tend pings a path if it is time, and lets it die if it was silent too long.
func (l *Link) tend(p *path) {
	if at, ok := l.deathDue(p); ok && !at.After(l.now) {
		l.kill(p)
	}
	at, ok := l.pingDue(p)
	if !ok || at.After(l.now) {
		return
	}
	opener := p.opener
	l.ping(p, nil)
	switch {
	case opener: // the schedule begins after it
	case p.state != valid:
		p.schedule.Sent(l.now)
	case p.confirm > 1:
		p.confirm--
		p.nextPing = l.now.Add(confirmGap)
	case p.confirm == 1:
		p.confirm = 0
	case p == l.chosen && p.misses >= deadMinMisses:
		l.trouble()
	}
}

// deathDue returns when a path is dead unless an answer comes; ok is false
// where none is waited for.
func (l *Link) deathDue(p *path) (at time.Time, ok bool) {
	w := l.patience(p)
	return p.missing.Add(max(w.last-w.first, 4*p.rtt.estimate())), p.state == valid && p.misses >= deadMinMisses
}

// trouble asks for help, and asks the other paths for a sign of life.
func (l *Link) trouble() {
	if l.now.Sub(l.troubled) < troubleGap {
		return
	}
	l.troubled = l.now
	for _, p := range l.paths {
		if p != l.chosen && p.state == valid {
			l.ping(p, nil)
		}
	}
	l.cfg.OnTrouble()
}

// kill takes a path that does not answer out of use.
func (l *Link) kill(p *path) {
	p.state, p.died = dead, l.now
	p.schedule = punch.NewRareSchedule(l.now)
	if l.alternative(p) {
		l.loseAll(p)
	}
	l.choose()
}

// desperate keeps pinging all paths while none is valid.
func (l *Link) desperate() {
	if l.chosen == nil || l.chosen.state == valid || l.now.Sub(l.troubled) < desperateGap {
		return
	}
	l.troubled = l.now
	for _, p := range l.paths {
		if p.state == dead {
			l.ping(p, nil)
		}
	}
	l.cfg.OnTrouble()
}

// follow considers that the other side sends data by another path than the
// one in use here. If that has not answered of late, its own packets may not
// get through any more: leave it, until it does answer.
func (l *Link) follow(p *path) {
	l.elsewhere = l.now
	c := l.chosen
	if c == nil || c.state != valid || p.state != valid || l.now.Sub(c.proven) < max(followAfter, 2*c.rtt.estimate()) {
		return
	}
	l.kill(c)
	l.ping(c, nil)
}

// forget drops paths that have been dead for long.
func (l *Link) forget() {
	l.paths = slices.DeleteFunc(l.paths, func(p *path) bool {
		old := p.state == dead && p != l.chosen && !p.relayed() && l.now.Sub(p.died) > forgetDead
		if old {
			l.loseAll(p)
		}
		return old
	})
}
