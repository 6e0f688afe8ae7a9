package link

import (
	"time"

	"p2ptool/p2p/path"
	"p2ptool/p2p/tunnel"
)

// followAfter is how long the path in use may have been silent while data
// comes by another, until it is asked for an answer.
const followAfter = 500 * time.Millisecond

// validate takes an answer of a path.
func (l *Link) validate(p *linkPath) {
	if p.state != valid {
		p.state, p.narrow = valid, false
		p.prove(l.now)
		l.noteAnswer(p)
		p.schedule = path.Schedule{}
		p.opener = false
		p.confirm = confirmPings
		p.nextPing = l.now.Add(confirmGap)
		l.fanValid(p)
	}
	l.choose()
}

// choose takes the best valid path into use, and stays where there is none. The
// turn's end reports it, so that a choice that does not last is not told.
func (l *Link) choose() {
	best := l.chosen
	for _, p := range l.paths {
		if p.usable() && (best == nil || !best.usable() || l.better(p, best)) {
			best = p
		}
	}
	if best != l.chosen {
		if old := l.chosen; old != nil && (old.refused || old.state != valid) {
			l.loseAll(old) // nobody will tell what became of it
		}
		l.chosen = best
		if best.misses == 0 {
			best.prove(l.now) // its patience begins anew
		} else {
			best.nextPing = l.now
		}
	}
}

// usable reports whether a path may be chosen while there is another.
func (p *linkPath) usable() bool { return p.state == valid && !p.stale && !p.refused }

// better compares valid paths. Where the one in use has died, the others have
// been asked for an answer already: one that has given it is better, and one that
// has not keeps the patience that is left. So a peer that is gone is not
// waited for on each of its paths in turn.
func (l *Link) better(p, than *linkPath) bool {
	if l.chosen.state != valid && (p.misses == 0) != (than.misses == 0) {
		return p.misses == 0
	}
	return p.quality().Better(than.quality())
}

// report tells the path in use, where it is news.
func (l *Link) report() {
	p := l.chosen
	if p == nil {
		return
	}
	l.smoothed.Store(int64(p.loss.RTT.Estimate()))
	l.sendBuffer.Store(l.streams.share(p.loss.Controller.Buffer()))
	now := Path{Kind: p.kind, Addr: tunnel.Unmark(p.route.Addr), Limit: p.packet(p.limit)}
	if p.state != valid {
		now.Kind = path.None
	}
	if now != l.reported {
		l.reported = now
		l.current.Store(&now)
		l.cfg.OnPath(l.Path())
	}
}

// follow considers that the other side sends data by another path than the
// one in use here: its own packets may not get through any more. So ours is
// asked, and has less patience than else (deathDue).
func (l *Link) follow(p *linkPath) {
	c := l.chosen
	if c == nil || c.state != valid || p.state != valid {
		return
	}
	l.elsewhere = l.now
	if c.misses == 0 && l.now.Sub(c.proven) > max(followAfter, 2*c.loss.RTT.Estimate()) {
		l.ping(c, nil)
	}
}

// doubted reports whether data has come by another path, or this host has moved,
// since the path in use answered.
func (l *Link) doubted(p *linkPath) bool { return p == l.chosen && l.elsewhere.After(p.proven) }

// Moved says that this host has other addresses, or has slept: the ways here
// may be others. So all paths are asked for an answer at once, and the one in
// use has less patience than else.
func (l *Link) Moved() {
	l.do(func() {
		l.elsewhere = l.now
		for _, p := range l.paths {
			if p.state == valid {
				l.ping(p, nil)
			}
		}
	})
}
