package link

import (
	"math/rand/v2"
	"time"
)

// bbr1 is the BBR of Linux (draft-cardwell-iccrg-bbr-congestion-control-00),
// which does not slow down for loss.
type bbr1 struct {
	delivery  delivery
	rates     maxRounds
	roundEnd  uint64
	full      float64
	flat      int
	phase     int // startup, drain, or of the gains' cycle
	since     time.Duration
	trip      time.Duration
	tripAt    time.Duration
	probing   bool
	probeTill time.Duration
	losses    bool // in this phase
}

const (
	bbr1Startup = -2
	bbr1Drain   = -1
	bbr1Gain    = 2.885
	bbr1Probe   = 4 // segments
)

func newBBR1(now time.Time) *bbr1 { return &bbr1{delivery: delivery{began: now}, phase: bbr1Startup} }

func (b *bbr1) sent(now time.Time, p *sentPacket, inFlight int) { b.delivery.sent(now, p, inFlight) }
func (b *bbr1) lost(time.Time)                                  { b.losses = true }
func (b *bbr1) timeout()                                        {}

func (b *bbr1) product() float64 { return b.rates.max() * b.trip.Seconds() / segment }

func (b *bbr1) acked(now time.Time, p *sentPacket, inFlight int, t *rtt) {
	at := b.delivery.since(now)
	b.rates.add(b.delivery.acked(now, p, t.min))
	stale := at-b.tripAt > 10*time.Second
	if b.trip == 0 || t.latest <= b.trip || stale {
		b.probing = stale && b.trip != 0
		b.trip, b.tripAt, b.probeTill = t.latest, at, 0
	}
	if p.flight.delivered >= b.roundEnd {
		b.roundEnd = b.delivery.bytes
		b.endRound()
	}
	b.advance(at, inFlight/segment)
}

func (b *bbr1) endRound() {
	if b.phase == bbr1Startup {
		if v := b.rates.max(); v >= 1.25*b.full {
			b.full, b.flat = v, 0
		} else if b.flat++; b.flat == 3 {
			b.phase = bbr1Drain
		}
	}
	b.rates.next()
}

func (b *bbr1) advance(at time.Duration, inFlight int) {
	if b.probing {
		if b.probeTill == 0 && inFlight <= bbr1Probe {
			b.probeTill = at + 200*time.Millisecond
		}
		b.probing = b.probeTill == 0 || at < b.probeTill
		return
	}
	switch {
	case b.phase == bbr1Startup:
	case b.phase == bbr1Drain:
		if float64(inFlight) <= b.product() {
			b.phase, b.since = 2+rand.IntN(6), at
		}
	case at-b.since > b.trip && (b.phase != 0 || b.losses || float64(inFlight) >= 1.25*b.product()) ||
		b.phase == 1 && float64(inFlight) <= b.product():
		b.phase, b.since, b.losses = (b.phase+1)%8, at, false
	}
}

func (b *bbr1) gain() float64 {
	switch {
	case b.phase == bbr1Startup:
		return bbr1Gain
	case b.phase == bbr1Drain:
		return 1 / bbr1Gain
	case b.phase == 0:
		return 1.25
	case b.phase == 1:
		return 0.75
	}
	return 1
}

func (b *bbr1) window() float64 {
	switch {
	case b.probing:
		return bbr1Probe
	case b.phase == bbr1Startup || b.phase == bbr1Drain:
		return max(bbr1Gain*b.product(), 10)
	}
	return max(2*b.product(), 4)
}

func (b *bbr1) pace() time.Duration {
	if v := b.rates.max(); v > 0 {
		return time.Duration(segment / (b.gain() * v) * float64(time.Second))
	}
	return 0
}
