package link

import (
	"slices"
	"time"

	"p2ptool/p2p/link/wire"
	"p2ptool/p2p/path"
)

// How long a path may be silent: until it is pinged, between those pings, and
// until it counts as dead.
type patience struct{ first, again, last time.Duration }

// patience returns how long p may be silent.
func (l *Link) patience(p *linkPath) patience {
	switch {
	case p != l.chosen:
		return patience{15 * time.Second, time.Second, 18 * time.Second}
	case p.loss.InFlight == 0 && !l.doubted(p) && l.now.Sub(l.fed) > fedLately:
		return patience{3 * time.Second, 500 * time.Millisecond, 6 * time.Second}
	case l.alternative(p):
		return patience{time.Second, 250 * time.Millisecond, 2 * time.Second}
	}
	return patience{time.Second, 250 * time.Millisecond, 6 * time.Second}
}

const (
	confirmPings   = 3 // sent soon after a path became valid: its NAT may wait for them
	confirmGap     = 20 * time.Millisecond
	troubleGap     = time.Second
	desperateGap   = time.Second // between pings while nothing answers
	deadMinMisses  = 2
	fullPings      = 6                      // in a row, without an answer
	fullRelayPings = 3                      // by the relay, which costs the server
	pingBackGap    = 25 * time.Millisecond  // or pings and what they beget would never end on a long path
	fedLately      = 5 * time.Second        // who only receives learns by silence alone that its path has died
	doubtPatience  = 300 * time.Millisecond // of a path that the other side seems to have left
)

// pong answers a ping on the path it came by, and pings back a path that is
// not yet valid: the NAT that let that ping through may let ours through now. The source of
// a ping may be forged, so on such a path the answer is never longer than the frames that it answers.
func (l *Link) pong(p *linkPath, id uint64, frames int) {
	if p.state != valid && frames < wire.PongSize {
		return
	}
	l.post(p, func(b []byte) []byte {
		b = wire.AppendPong(b, id, p.route.Addr)
		if p.state == valid || frames < wire.PongSize+wire.PingSize || l.now.Sub(p.pingedBack) < pingBackGap {
			return b
		}
		p.pingedBack = l.now
		full := frames >= p.floor() && l.mayFill(p)
		b = wire.AppendPing(b, p.newPing(l.now, full, nil))
		if full {
			b = p.fill(b)
		}
		return b
	})
}

// ping asks a path for an answer. The first packet to a candidate may be an
// opener, which does not get there.
func (l *Link) ping(p *linkPath, answer func(time.Duration)) {
	ttl, full := 0, !p.opener && l.asksFull(p)
	if p.opener {
		p.opener, ttl = false, l.cfg.OpenerTTL()
	}
	p.nextPing = l.now.Add(l.patience(p).again)
	l.postTTL(p, ttl, func(b []byte) []byte {
		b = wire.AppendPaddedPing(b, p.newPing(l.now, full, answer))
		if full {
			b = p.fill(b)
		}
		return b
	})
}

// asksFull reports whether the next ping is to show that the path carries data: a path
// that is not valid yet, or on which data waits for an answer. The others are short: to a host that only
// the other end names and that has not answered yet (mayFill), by a relay that is not needed now, and
// where some full ones went unanswered. If a short one is answered, a full one follows at once
// (answersShort), and if that is not answered, it is for its size.
func (l *Link) asksFull(p *linkPath) bool {
	switch {
	case p.state == valid:
		return p.loss.InFlight > 0
	case p.relayed():
		return p.misses < fullRelayPings && !l.direct()
	}
	return p.misses < fullPings && !l.unconfirmed() && l.mayFill(p)
}

// fill pads frames to a datagram of minMTU.
func (p *linkPath) fill(b []byte) []byte {
	n := max(p.floor()-len(b), 0)
	clear(b[len(b) : len(b)+n])
	return b[:len(b)+n]
}

// answersShort is called when a short ping on a path that is not valid was answered. It sends
// a full one at once.
func (l *Link) answersShort(p *linkPath) {
	p.narrow = true
	l.noteAnswer(p)
	if at, ok := p.schedule.Due(); !ok || at.After(l.now) {
		l.post(p, func(b []byte) []byte { return p.fill(wire.AppendPing(b, p.newPing(l.now, true, nil))) })
	}
}

// revive takes the arrival of a packet on a dead path for an answer.
func (l *Link) revive(p *linkPath) {
	p.state = candidate
	l.validate(p)
}

// alternative reports whether another path than p is valid.
func (l *Link) alternative(p *linkPath) bool {
	return slices.ContainsFunc(l.paths, func(o *linkPath) bool { return o != p && o.state == valid })
}

// pingDue returns when a path is to be pinged next; ok is false for never.
func (l *Link) pingDue(p *linkPath) (at time.Time, ok bool) {
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
func (l *Link) tend(p *linkPath) {
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
func (l *Link) deathDue(p *linkPath) (at time.Time, ok bool) {
	if p.state != valid || p.misses < deadMinMisses {
		return time.Time{}, false
	}
	w := l.patience(p)
	wait := w.last - w.first
	if l.doubted(p) && l.alternative(p) {
		wait = doubtPatience
	}
	return p.missing.Add(max(wait, 4*p.loss.RTT.Estimate())), true
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

// kill takes a path that does not answer out of use, and those that would take its
// place and have been silent for as long.
func (l *Link) kill(p *linkPath) {
	p.state, p.died = dead, l.now
	p.schedule = path.NewRareSchedule(l.now)
	if l.alternative(p) {
		l.loseAll(p)
	}
	l.choose()
	if at, ok := l.deathDue(l.chosen); ok && !at.After(l.now) {
		l.kill(l.chosen)
	}
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
