package link

import "time"

// advance does all that is due by now.
func (l *Link) advance() {
	if l.closing.begun() {
		l.advanceClose()
		return
	}
	if l.leaving.begun {
		l.advanceLeave()
	}
	if l.now.Sub(l.heard) >= idleTimeout {
		l.end(ErrIdle)
		return
	}
	for _, p := range l.paths {
		if at := p.loss.LossAt; !at.IsZero() && !at.After(l.now) {
			l.detectLost(p)
			l.checkHole(p)
		}
		if at := p.loss.Timeout(); !at.IsZero() && !at.After(l.now) {
			l.timeout(p)
		}
		l.tend(p)
		l.searchMTU(p)
	}
	l.tendSpray()
	l.desperate()
	l.forget()
	l.forgetFan()
	l.report()
	if l.cfg.Trace != nil || l.cfg.Log != nil {
		l.traceTurn()
	}
}

// deadline returns when the loop has to look again, if nothing happens before.
func (l *Link) deadline() time.Time {
	if l.closing.begun() {
		return l.closing.next
	}
	at := l.heard.Add(idleTimeout)
	if l.leaving.begun {
		at = l.leaving.until
	}
	sooner := func(t time.Time) {
		if !t.IsZero() && t.Before(at) {
			at = t
		}
	}
	if l.chosen != nil {
		sooner(l.acks.Deadline())
	}
	sooner(l.sprayDue())
	for _, p := range l.paths {
		sooner(p.loss.LossAt)
		sooner(p.loss.Timeout())
		if t, ok := l.pingDue(p); ok {
			sooner(t)
		}
		if t, ok := l.deathDue(p); ok {
			sooner(t)
		}
		if t, ok := l.mtuDue(p); ok {
			sooner(t)
		}
	}
	if p := l.chosen; p != nil {
		if l.hasData() && !p.loss.Pacer.Ready() && p.loss.InFlight+p.mtu <= p.loss.Controller.Window() {
			sooner(p.loss.Pacer.Await(p.loss.Controller.Rate(&p.loss.RTT)))
		}
		sooner(p.loss.CopiesDue(l.now))
		if p.state != valid {
			sooner(l.troubled.Add(desperateGap))
		}
	}
	return at
}
