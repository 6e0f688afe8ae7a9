package link

import (
	"math/rand/v2"
	"time"
)

// A phase is what bbr does at a time: its comment draws how they follow each
// other.
type phase uint8

const (
	phaseStart phase = iota
	phaseDrain
	phaseUp
	phaseDown
	phaseCruise
	phaseProbe // of the shortest round trip
)

func (b *bbr) class() phaseClass {
	switch b.phase {
	case phaseStart:
		return classStart
	case phaseUp:
		return classUp
	case phaseCruise:
		return classCruise
	}
	return classDown
}

// advance moves on to the next phase when it is time.
func (b *bbr) advance(t time.Duration, inFlight int, r *rtt) {
	took := t - b.phaseBegan
	trip := max(b.minTrip, tripMin)
	flying := float64(inFlight)
	switch b.phase {
	case phaseStart:
		if b.flatRounds >= startRounds {
			b.enter(phaseDrain, t)
		}
	case phaseDrain:
		if flying <= b.product() || took > 4*trip {
			b.cruises = 1 + rand.IntN(cruiseRounds) // flows that begin together part
			b.enter(phaseCruise, t)
		}
	case phaseCruise:
		if took < trip {
			break
		}
		if b.cruises--; b.cruises > 0 {
			b.phaseBegan = t
		} else {
			b.low, b.grown = 0, 0
			b.up(t, r)
		}
	case phaseUp:
		if took < trip {
			break
		}
		if b.more(r) {
			b.grow(t, r)
		} else if b.bandwidth() > upGrowth*b.before && !b.phaseLost {
			b.up(t, r) // at the expense of others, perhaps
		} else if flying >= upGain*b.product() || b.phaseLost || took > 4*trip {
			b.enter(phaseDown, t)
		}
	case phaseDown:
		if b.more(r) { // the last packets of the phase before have shown it
			b.grow(t, r)
		} else if took >= trip && (flying <= b.product() || took > 4*trip) {
			b.cruises = cruiseRounds
			b.enter(phaseCruise, t)
		}
	case phaseProbe:
		b.advanceProbe(t, flying)
		return
	}
	if b.minTrip > 0 && t-b.minTripAt > tripMemory && b.phase != phaseStart {
		b.probeUntil = 0
		b.enter(phaseProbe, t)
	}
}

// advanceProbe keeps little in flight for a while, so that the queue that we may
// have made ourselves is empty when the round trip is measured.
func (b *bbr) advanceProbe(t time.Duration, flying float64) {
	switch {
	case b.probeUntil == 0 && flying <= b.probeWindow():
		b.probeUntil = t + max(tripProbe, b.minTrip)
	case b.probeUntil != 0 && t >= b.probeUntil:
		b.minTripAt = t
		b.cruises = cruiseRounds
		b.enter(phaseCruise, t)
	}
}

// up begins to probe for a higher rate.
func (b *bbr) up(t time.Duration, r *rtt) {
	b.enter(phaseUp, t)
	b.before, b.tripBefore = b.bandwidth(), r.smoothed
}

// more reports whether the probe for a higher rate has found one: the path delivers more
// than before, and the queue does not grow for that.
func (b *bbr) more(r *rtt) bool {
	queue := r.smoothed - b.tripBefore
	return b.bandwidth() > upGrowth*b.before && !b.phaseLost && queue < max(b.minTrip/upQueue, tripMin/2)
}

// grow goes on probing for a higher rate. When it has been found twice in a row, the
// path is not the one it was, and a new start finds its rate in a few round trips.
func (b *bbr) grow(t time.Duration, r *rtt) {
	if b.grown++; b.grown < upRestart {
		b.up(t, r)
		return
	}
	b.full, b.flatRounds, b.train = b.bandwidth(), 0, train{}
	b.enter(phaseStart, t)
}

// probing reports whether so little is in flight that the round trip is that of the path
// without a queue.
func (b *bbr) probing() bool { return b.phase == phaseProbe && b.probeUntil != 0 }

func (b *bbr) enter(p phase, t time.Duration) {
	b.phase, b.phaseBegan, b.phaseLost = p, t, false
	b.inRound = share{}
	if p == phaseDown || p == phaseDrain {
		b.chance.of[classDown].fade(enoughOutcomes)
	}
}

func (b *bbr) gain() float64 {
	switch b.phase {
	case phaseStart:
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
