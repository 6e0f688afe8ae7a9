package link

import (
	"net/netip"
	"slices"
	"time"

	"p2ptool/p2p/link/recovery"
	"p2ptool/p2p/link/wire"
	"p2ptool/p2p/path"
)

// SetCandidates tells the other side where we may be reached from now on.
func (l *Link) SetCandidates(cs []path.Candidate) {
	cs = slices.Clone(cs)
	l.do(func() { l.candidates, l.candidatesDue = cs, true })
}

// candidatesRoom is what a CANDIDATES takes at most.
const candidatesRoom = 2 + path.MaxCandidates*(1+path.AddrSize)

func (l *Link) appendOwnCandidates(b []byte, room int, rec *recovery.Packet) []byte {
	if !l.candidatesDue || room < candidatesRoom {
		return b
	}
	l.candidatesDue = false
	rec.Record(recovery.Frame{Kind: recovery.Candidates})
	return wire.AppendCandidates(b, l.candidates)
}

// appendFiller appends a frame that does nothing and wants an acknowledgement.
func appendFiller(b []byte, rec *recovery.Packet) []byte {
	rec.Record(recovery.Frame{Kind: recovery.Filler})
	return wire.AppendCandidates(b, nil)
}

// AddCandidate adds an address at which the other side is likely to receive,
// and has it probed.
func (l *Link) AddCandidate(r Route) {
	l.do(func() {
		if p := l.addPath(r); p != nil && p.state != valid {
			p.vouched = true
			p.schedule = path.NewSchedule(l.now)
		}
	})
}

// AddCandidates has addresses of the other side probed. observed is what the
// server saw, and may be the zero value; cs is what the other side itself
// names. Openers go out at once, probes begin after the delay, or when the other
// side is heard of.
func (l *Link) AddCandidates(observed netip.AddrPort, cs []path.Candidate, delay time.Duration) {
	cs = slices.Clone(cs)
	l.do(func() {
		if r, ok := l.candidateRoute(observed); ok {
			l.observed = observed
			if p := l.addPath(r); p != nil && p.state != valid {
				p.opener = !path.Local(observed.Addr())
				p.schedule = l.observedSchedule(l.now.Add(delay))
			}
		}
		l.addCandidates(cs, l.now.Add(delay))
	})
}

// observedSchedule returns the schedule for the address at which a server saw the other side: a short one
// while the server may have made that up.
func (l *Link) observedSchedule(start time.Time) path.Schedule {
	if l.unconfirmed() {
		return path.NewShortSchedule(start)
	}
	return path.NewSchedule(start)
}

// unconfirmed reports whether the other side began the link and nothing came from it yet: the handshake may
// have been a replay.
func (l *Link) unconfirmed() bool { return !l.cfg.Initiator && !l.met }

// hasten ends the delay of AddCandidates, and begins the full schedule of the observed address, when the
// first packet comes, by whichever path: the other side's own probes have left with it.
func (l *Link) hasten() {
	for _, p := range l.paths {
		p.schedule.Hasten(l.now)
		if p.state != valid && !p.relayed() && p.route.Addr == l.observed {
			p.schedule = path.NewSchedule(l.now)
		}
	}
}

// OnCandidates takes a CANDIDATES.
func (l packetHandler) OnCandidates(cs []path.Candidate) { l.addCandidates(cs, l.now) }

// addCandidates has addresses probed that only the other side names, within
// the budget. Beyond it they are not even remembered.
func (l *Link) addCandidates(cs []path.Candidate, start time.Time) {
	for _, c := range cs {
		r, ok := l.candidateRoute(c.Addr)
		if !ok {
			continue
		}
		p := l.findPath(r)
		if p != nil {
			p.named = p.named || c.Kind == path.Host
			if _, due := p.schedule.Due(); p.state != candidate || due {
				continue
			}
		}
		if !l.allowed(false) || !l.budget.allow(c.Addr, l.now) {
			continue
		}
		if p = l.addPath(r); p != nil {
			p.named = p.named || c.Kind == path.Host
			p.opener = !path.Local(c.Addr.Addr())
			p.schedule = path.NewShortSchedule(start)
		}
	}
}

// candidateRoute returns the route to an address that may be probed.
func (l *Link) candidateRoute(a netip.AddrPort) (Route, bool) {
	if !path.Usable(a, l.cfg.Loopback) {
		return Route{}, false
	}
	return l.cfg.Route(a)
}
