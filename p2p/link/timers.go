package link

import "time"

// advance runs all timers that are due.
func (l *Link) advance() {
	if l.ending.closing.begun() {
		l.advanceClose()
		return
	}
	if l.ending.leaving.begun {
		l.advanceLeave()
	}
	if l.now.Sub(l.heard) >= idleTimeout {
		l.end(ErrIdle)
		return
	}
	for _, q := range l.paths.All() {
		p := flowOf(q)
		if at := p.loss.LossAt; !at.IsZero() && !at.After(l.now) {
			l.detectLost(p)
			l.checkHole(p)
		}
		if at := p.loss.Timeout(); !at.IsZero() && !at.After(l.now) {
			l.timeout(p)
		}
	}
	l.paths.Advance(l.now)
	l.sendProbes()
	if l.paths.Trouble() {
		l.cfg.OnTrouble()
	}
	l.report()
	if l.cfg.Trace != nil || l.cfg.Log != nil {
		l.traceTurn()
	}
}

// deadline returns when the loop has to run next if nothing wakes it before.
func (l *Link) deadline() time.Time {
	if l.ending.closing.begun() {
		return l.ending.closing.next
	}
	at := l.heard.Add(idleTimeout)
	if l.ending.leaving.begun {
		at = l.ending.leaving.until
	}
	sooner := func(t time.Time) {
		if !t.IsZero() && t.Before(at) {
			at = t
		}
	}
	sooner(l.paths.Deadline(l.now))
	for _, q := range l.paths.All() {
		p := flowOf(q)
		sooner(p.loss.LossAt)
		sooner(p.loss.Timeout())
	}
	if p := l.best(); p != nil {
		sooner(l.loss.acks.Deadline())
		if l.hasData() && !p.loss.Pacer.Ready() && p.loss.InFlight+p.MTU <= p.loss.Controller.Window() {
			sooner(p.loss.Pacer.Await(p.loss.Controller.Rate(&p.loss.RTT)))
		}
		sooner(p.loss.CopiesDue(l.now))
	}
	return at
}
