package campaign

import (
	"fmt"
	"time"
)

// A trouble is what a home's access suffers for a while.
type trouble struct {
	home  int
	lasts time.Duration
	kind  string        // cut, no UDP, loss, rate, mtu, delay
	loss  float64       // of loss
	part  float64       // of the rate that is left
	mtu   int           // of mtu
	delay time.Duration // more
}

func (t trouble) String() string {
	what := map[string]string{
		"loss": fmt.Sprintf(" of %.0f%%", t.loss*100), "rate": fmt.Sprintf(" at %.1f%%", t.part*100),
		"mtu": fmt.Sprintf(" %d", t.mtu), "delay": fmt.Sprintf(" of %v more", t.delay),
	}[t.kind]
	return fmt.Sprintf("home %d has %s%s for %v", t.home, t.kind, what, t.lasts)
}

func (t trouble) happen(w *world, _ int) {
	h := w.homes[t.home]
	h.troubles = append(h.troubles, &t)
	h.apply(w)
	w.after(t.lasts, func() { h.end(w, &t) })
}

// A remap has a NAT forget its mappings, and give other ports if it rebinds.
type remap struct {
	home    int
	rebinds bool
}

func (r remap) String() string {
	return fmt.Sprintf("NAT of home %d forgets, rebinds %v", r.home, r.rebinds)
}

func (r remap) happen(w *world, _ int) {
	nat := w.homes[r.home].nat
	switch {
	case nat == nil:
	case r.rebinds:
		nat.Rebind()
	default:
		nat.Flush()
	}
}

// A readdress gives a NAT another outer address; the old one is a stranger's
// from then on.
type readdress struct{ home int }

func (r readdress) String() string { return fmt.Sprintf("home %d gets another address", r.home) }

func (r readdress) happen(w *world, _ int) { w.homes[r.home].readdress(w) }

// A trip takes a machine to another network, and back after a while.
type trip struct {
	who   int
	lasts time.Duration // 0: for good
}

func (t trip) String() string { return fmt.Sprintf("%s is away for %v", names[t.who], t.lasts) }

func (t trip) happen(w *world, _ int) {
	p := w.people[t.who]
	p.move(w, w.homes[len(w.people)+t.who])
	if t.lasts > 0 {
		w.after(t.lasts, func() { p.move(w, w.homes[p.plan.home]) })
	}
}

// A pause stops a person's resident, as SIGSTOP does.
type pause struct {
	who   int
	lasts time.Duration
}

func (p pause) String() string {
	return fmt.Sprintf("%s's resident is stopped for %v", names[p.who], p.lasts)
}

func (p pause) happen(w *world, _ int) {
	if r := w.people[p.who].resident(); r != nil {
		r.gate.pause()
		r.stops = append(r.stops, silence{w.now(), w.now() + p.lasts})
		w.after(p.lasts, r.gate.resume)
	}
}

// A kill ends a person's newest resident with SIGKILL; it is started again.
type kill struct {
	who  int
	down time.Duration
}

func (k kill) String() string {
	return fmt.Sprintf("%s's resident is killed, and back after %v", names[k.who], k.down)
}

func (k kill) happen(w *world, _ int) {
	p := w.people[k.who]
	if r := p.resident(); r != nil {
		r.kill(w)
		w.after(k.down, func() { p.startResident(w) })
	}
}

// A slay ends the command of another event with SIGKILL.
type slay struct{ of int }

func (s slay) String() string { return fmt.Sprintf("SIGKILL at #%d", s.of) }

func (s slay) happen(w *world, _ int) {
	if p := w.command(s.of); p != nil && !p.over() {
		p.kill(w)
	}
}

// A restart ends the server and starts it again.
type restart struct {
	down time.Duration
	hard bool // by SIGKILL
}

func (r restart) String() string {
	return fmt.Sprintf("the server is away for %v, killed %v", r.down, r.hard)
}

func (r restart) happen(w *world, _ int) {
	if w.server == nil || w.server.over() {
		return
	}
	if r.hard {
		w.server.kill(w)
	} else {
		w.server.interrupt()
	}
	w.after(max(r.down, 2*time.Second), w.startServer)
}

// A meddler changes a file that a send has to send.
type meddler struct {
	of     int
	remove bool
}

func (m meddler) String() string {
	return fmt.Sprintf("a file of #%d changes, removed %v", m.of, m.remove)
}

func (m meddler) happen(w *world, _ int) {
	if p := w.command(m.of); p != nil && p.sending != nil && !p.over() {
		w.meddle(p, m)
	}
}

// drawFaults draws which kinds of faults there are, and then some of these.
func (s *schedule) drawFaults(d dice) {
	if d.chance(.1) {
		return
	}
	var kinds []func(dice) (time.Duration, deed)
	for _, kind := range s.kindsOfFaults() {
		if d.chance(.35) {
			kinds = append(kinds, kind)
		}
	}
	if len(kinds) == 0 {
		return
	}
	n := 1 + int(d.scale(1, 14))
	if d.chance(.15) {
		n = 12 + d.IntN(20)
	}
	for range n {
		s.add(pick(d, kinds...)(d))
	}
}

// kindsOfFaults returns what draws each kind, with its time.
func (s *schedule) kindsOfFaults() []func(dice) (time.Duration, deed) {
	home := func(d dice) int { return s.people[d.IntN(len(s.people))].home }
	who := func(d dice) int { return d.IntN(len(s.people)) }
	lasts := func(d dice) time.Duration { return d.scaleSpan(200*time.Millisecond, 45*time.Second) }
	anytime := func(f func(dice) deed) func(dice) (time.Duration, deed) {
		return func(d dice) (time.Duration, deed) {
			if d.chance(.75) { // while something may be going on
				at := s.command(d, func(deed) bool { return true }).at
				return at + d.scaleSpan(time.Millisecond, 15*time.Second) - time.Second, f(d)
			}
			return d.span(0, eventful), f(d)
		}
	}
	return []func(dice) (time.Duration, deed){
		anytime(func(d dice) deed { return trouble{home: home(d), lasts: lasts(d), kind: "cut"} }),
		anytime(func(d dice) deed { return trouble{home: home(d), lasts: lasts(d), kind: "no UDP"} }),
		anytime(func(d dice) deed {
			return trouble{home: home(d), lasts: lasts(d), kind: "loss", loss: d.scale(.02, .7)}
		}),
		anytime(func(d dice) deed {
			return trouble{home: home(d), lasts: lasts(d), kind: "rate", part: d.scale(.01, .7)}
		}),
		anytime(func(d dice) deed {
			return trouble{home: home(d), lasts: lasts(d), kind: "mtu", mtu: leastMTU + d.IntN(1473-leastMTU)}
		}),
		anytime(func(d dice) deed {
			return trouble{home: home(d), lasts: lasts(d), kind: "delay", delay: d.scaleSpan(5*time.Millisecond, time.Second)}
		}),
		anytime(func(d dice) deed { return remap{home(d), d.chance(.5)} }),
		anytime(func(d dice) deed { return readdress{home(d)} }),
		anytime(func(d dice) deed {
			return trip{who(d), weigh(d, share[time.Duration]{3, 0}, share[time.Duration]{7, lasts(d)})}
		}),
		anytime(func(d dice) deed { return pause{who(d), lasts(d)} }),
		anytime(func(d dice) deed { return kill{who(d), d.scaleSpan(100*time.Millisecond, 30*time.Second)} }),
		anytime(func(d dice) deed { return restart{d.scaleSpan(time.Second, 50*time.Second), d.chance(.5)} }),
		s.drawSlay,
		s.drawMeddler,
	}
}

// drawSlay chooses a command to kill while it may run.
func (s *schedule) drawSlay(d dice) (time.Duration, deed) {
	e := s.command(d, func(do deed) bool { return true })
	return e.at + d.scaleSpan(10*time.Millisecond, 20*time.Second), slay{e.id}
}

// drawMeddler chooses a send whose files change.
func (s *schedule) drawMeddler(d dice) (time.Duration, deed) {
	e := s.command(d, func(do deed) bool { x, ok := do.(send); return ok && !x.stdin })
	return e.at + d.scaleSpan(10*time.Millisecond, 10*time.Second), meddler{e.id, d.chance(.3)}
}

// command chooses one of the events that start a command, of the wanted ones if there
// is any.
func (s *schedule) command(d dice, wanted func(deed) bool) event {
	var all, some []event
	for _, e := range s.events {
		switch e.do.(type) {
		case send, talk, ping, doctor, bench, list:
			all = append(all, e)
			if wanted(e.do) {
				some = append(some, e)
			}
		}
	}
	if len(some) == 0 {
		some = all
	}
	return pick(d, some...)
}
