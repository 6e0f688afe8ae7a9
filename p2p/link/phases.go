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
func (b *bbr) advance(t time.Duration, inFlight int) {
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
			b.low = 0
			b.enter(phaseUp, t)
		}
	case phaseUp:
		if took < trip {
			break
		}
		if now := b.bandwidth(); now > upGrowth*b.before && !b.phaseLost {
			b.enter(phaseUp, t) // there is more: go on
		} else if flying >= upGain*b.product() || b.phaseLost || took > 4*trip {
			b.enter(phaseDown, t)
		}
	case phaseDown:
		if took >= trip && (flying <= b.product() || took > 4*trip) {
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

func (b *bbr) enter(p phase, t time.Duration) {
	b.phase, b.phaseBegan, b.phaseLost = p, t, false
	b.before = b.bandwidth()
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
