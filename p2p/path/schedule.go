package path

import "time"

// OpenerTTL is the time to live of an opener as long as it is not known how much it
// takes to pass our own NATs: one of them. An opener makes our NAT expect the peer
// before the peer's first probe comes. Without it, some NATs take that probe
// for a connection to themselves and then map our own probes to another
// port. An opener that gets as far as the peer's NAT does the same harm there.
//
// Through a NAT that maps by endpoint it cannot be found out, and its openers are
// of use only where they pass the provider's NAT too: then it is SymmetricOpenerTTL.
const (
	OpenerTTL          = 2
	SymmetricOpenerTTL = 4
)

// A Schedule determines when to probe one candidate. It is a value: copy it, ask
// Due, and call Sent for every probe.
type Schedule struct {
	start  time.Time
	offset []time.Duration // of the probes that are close together, from start
	sent   int             // probes sent
	limit  int             // at most so many; 0: no limit
	next   time.Time
}

// early are the probes of any candidate; what the server observed is then
// probed every steadyGap until steadyEnd, and after that ever more rarely.
var early = [...]time.Duration{0, 10 * time.Millisecond, 20 * time.Millisecond,
	40 * time.Millisecond, 80 * time.Millisecond, 160 * time.Millisecond}

// few are all the probes of a candidate that only the peer named.
var few = [...]time.Duration{0, 20 * time.Millisecond, 80 * time.Millisecond, 320 * time.Millisecond,
	time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}

const (
	steadyGap = 200 * time.Millisecond
	steadyEnd = 5 * time.Second
	rareFirst = time.Second
	rareLast  = time.Minute
)

// NewSchedule returns the schedule of a candidate that the server observed,
// whose first probe is due at start.
func NewSchedule(start time.Time) Schedule {
	return Schedule{start: start, next: start, offset: early[:]}
}

// NewShortSchedule returns that of a candidate that only the peer named. It
// ends after eight probes.
func NewShortSchedule(start time.Time) Schedule {
	return Schedule{start: start, next: start, offset: few[:], limit: len(few)}
}

// Due returns when the next probe is due; ok is false where none will be.
func (s *Schedule) Due() (at time.Time, ok bool) {
	return s.next, !s.start.IsZero() && (s.limit == 0 || s.sent < s.limit)
}

// Hasten has the first probe sent now, if it was to be later.
func (s *Schedule) Hasten(now time.Time) {
	if s.sent == 0 && s.start.After(now) {
		s.start, s.next = now, now
	}
}

// Sent says that a probe was sent at now.
func (s *Schedule) Sent(now time.Time) {
	s.sent++
	if s.sent < len(s.offset) {
		s.next = s.start.Add(s.offset[s.sent])
		return
	}
	if now.Sub(s.start) < steadyEnd {
		s.next = now.Add(steadyGap)
		return
	}
	gap := rareFirst
	for s.start.Add(steadyEnd+2*gap).Before(now) && gap < rareLast {
		gap *= 2
	}
	s.next = now.Add(min(gap, rareLast))
}

// NewRareSchedule returns the schedule of a path that has died: probes after
// one second, then after twice that, and so on to one a minute, without end.
func NewRareSchedule(now time.Time) Schedule {
	return Schedule{start: now.Add(-steadyEnd), next: now.Add(rareFirst), offset: early[:], sent: len(early)}
}
