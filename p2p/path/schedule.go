package path

import "time"

// OpenerTTL is the time to live of an opener until this host has measured how many
// hops it needs to pass its own NATs. It is enough for one NAT. An opener makes our NAT
// expect the peer before the peer's first probe arrives. Without it, some NATs
// treat that probe as a connection to themselves and then map our own probes to
// another port. An opener that reaches the peer's NAT causes the same problem there.
//
// Behind a symmetric NAT, the number of hops cannot be measured, and openers only
// help if they also pass the provider's NAT. They use SymmetricOpenerTTL.
const (
	OpenerTTL          = 2
	SymmetricOpenerTTL = 4
)

// A Schedule determines when to probe one candidate. It is a value and can be
// copied. Due returns when to probe next; call Sent for each probe.
type Schedule struct {
	start  time.Time
	offset []time.Duration // times of the first probes, after start
	sent   int             // probes sent
	limit  int             // maximum number of probes; 0: no limit
	next   time.Time
}

// early has the times of the first probes of NewSchedule. After them, a probe is
// sent every steadyGap until steadyEnd, and then less and less often.
var early = [...]time.Duration{0, 10 * time.Millisecond, 20 * time.Millisecond,
	40 * time.Millisecond, 80 * time.Millisecond, 160 * time.Millisecond}

// few has the times of all probes of a candidate that only the peer named.
var few = [...]time.Duration{0, 20 * time.Millisecond, 80 * time.Millisecond, 320 * time.Millisecond,
	time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}

const (
	steadyGap = 200 * time.Millisecond
	steadyEnd = 5 * time.Second
	rareFirst = time.Second
	rareLast  = time.Minute
)

// NewSchedule returns the schedule for a candidate that the server observed.
// The first probe is due at start.
func NewSchedule(start time.Time) Schedule {
	return Schedule{start: start, next: start, offset: early[:]}
}

// NewShortSchedule returns the schedule for a candidate that only the peer
// named. It ends after eight probes.
func NewShortSchedule(start time.Time) Schedule {
	return Schedule{start: start, next: start, offset: few[:], limit: len(few)}
}

// Due returns when the next probe is due; ok is false if there are no more.
func (s *Schedule) Due() (at time.Time, ok bool) {
	return s.next, !s.start.IsZero() && (s.limit == 0 || s.sent < s.limit)
}

// Hasten makes the first probe due now if it is due later.
func (s *Schedule) Hasten(now time.Time) {
	if s.sent == 0 && s.start.After(now) {
		s.start, s.next = now, now
	}
}

// Sent records that a probe was sent at now.
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

// NewRareSchedule returns the schedule for a lost path. The first probe is due
// after one second. The interval then grows to one minute. It has no end.
func NewRareSchedule(now time.Time) Schedule {
	return Schedule{start: now.Add(-steadyEnd), next: now.Add(rareFirst), offset: early[:], sent: len(early)}
}
