package congestion

import (
	"math/rand/v2"
	"time"

	"p2ptool/p2p/rtt"
)

// A phase is a phase of bbr, whose comment draws how they follow each other.
type phase uint8

const (
	phaseStartup phase = iota
	phaseDrain
	phaseUp
	phaseDown
	phaseCruise
	phaseProbeRTT // of the shortest round trip
)

// State returns the phase.
func (b *bbr) State() string {
	return [...]string{
		phaseStartup: "startup", phaseDrain: "drain", phaseUp: "probe_bw_up", phaseDown: "probe_bw_down",
		phaseCruise: "probe_bw_cruise", phaseProbeRTT: "probe_rtt",
	}[b.phase]
}

func (b *bbr) class() phaseClass {
	switch b.phase {
	case phaseStartup:
		return classStartup
	case phaseUp:
		return classUp
	case phaseCruise:
		return classCruise
	}
	return classDown
}

// advance moves on to the next phase when it is time.
func (b *bbr) advance(t time.Duration, inFlight int, r *rtt.Estimator) {
	took := t - b.phaseBegan
	trip := max(b.trip.min, tripMin)
	flying := float64(inFlight)
	switch b.phase {
	case phaseStartup:
		if b.startup.flatRounds >= startRounds {
			b.enter(phaseDrain, t)
		}
	case phaseDrain:
		if flying <= b.product() || took > 4*trip {
			b.cruises = 1 + rand.IntN(cruiseRounds) // so that flows that began together probe at different times
			b.enter(phaseCruise, t)
		}
	case phaseCruise:
		if took < trip {
			break
		}
		if b.cruises--; b.cruises > 0 {
			b.phaseBegan = t
		} else {
			b.low, b.probe.found = 0, 0
			b.up(t, r)
		}
	case phaseUp:
		if took < trip {
			break
		}
		if b.more(r) {
			b.grow(t, r)
		} else if b.bandwidth() > upGrowth*b.probe.rateBefore && !b.phaseLost {
			b.up(t, r) // perhaps at the expense of other flows
		} else if flying >= upGain*b.product() || b.phaseLost || took > 4*trip {
			b.enter(phaseDown, t)
		}
	case phaseDown:
		if b.more(r) { // shown by the last packets of the phase before
			b.grow(t, r)
		} else if took >= trip && (flying <= b.product() || took > 4*trip) {
			b.cruises = cruiseRounds
			b.enter(phaseCruise, t)
		}
	case phaseProbeRTT:
		b.advanceProbe(t, flying)
		return
	}
	if b.trip.min > 0 && t-b.trip.at > tripMemory && b.phase != phaseStartup {
		b.trip.probeUntil = 0
		b.enter(phaseProbeRTT, t)
	}
}

// advanceProbe keeps little in flight for a while, so that the queue we may have made is empty
// when the round trip is measured.
func (b *bbr) advanceProbe(t time.Duration, flying float64) {
	switch {
	case b.trip.probeUntil == 0 && flying <= b.probeWindow():
		b.trip.probeUntil = t + max(tripProbe, b.trip.min)
	case b.trip.probeUntil != 0 && t >= b.trip.probeUntil:
		b.trip.at = t
		b.cruises = cruiseRounds
		b.enter(phaseCruise, t)
	}
}

// up begins to probe for a higher rate.
func (b *bbr) up(t time.Duration, r *rtt.Estimator) {
	b.enter(phaseUp, t)
	b.probe.rateBefore, b.probe.tripBefore = b.bandwidth(), r.Smoothed
}

// more reports whether the probe has found a higher rate: the path delivers more than before and
// the queue has not grown.
func (b *bbr) more(r *rtt.Estimator) bool {
	queue := r.Smoothed - b.probe.tripBefore
	return b.bandwidth() > upGrowth*b.probe.rateBefore && !b.phaseLost && queue < max(b.trip.min/upQueue, tripMin/2)
}

// grow continues probing for a higher rate. If it was found twice in a row, the path has changed, and
// startup finds its new rate within a few round trips.
func (b *bbr) grow(t time.Duration, r *rtt.Estimator) {
	if b.probe.found++; b.probe.found < upRestart {
		b.up(t, r)
		return
	}
	b.startup.full, b.startup.flatRounds, b.startup.train = b.bandwidth(), 0, train{}
	b.enter(phaseStartup, t)
}

// probing reports whether so little is in flight that the measured round trip contains no queue.
func (b *bbr) probing() bool { return b.phase == phaseProbeRTT && b.trip.probeUntil != 0 }

func (b *bbr) enter(p phase, t time.Duration) {
	b.phase, b.phaseBegan, b.phaseLost = p, t, false
	b.round.loss = share{}
	if p == phaseDown || p == phaseDrain {
		b.randomLoss.of[classDown].fade(enoughOutcomes)
	}
}

func (b *bbr) gain() float64 {
	switch b.phase {
	case phaseStartup:
		if b.held() {
			return 1
		}
		return startGain
	case phaseDrain:
		return drainGain
	case phaseUp:
		return upGain
	case phaseDown:
		return downGain
	}
	return 1
}
