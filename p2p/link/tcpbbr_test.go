package link

import (
	"math/rand/v2"
	"slices"
	"time"

	"p2ptool/p2p/rtt"
)

// bbr1 is the BBR of Linux (draft-cardwell-iccrg-bbr-congestion-control-00),
// which does not slow down for loss.
type bbr1 struct {
	delivery  tcpDelivery
	rates     [10]float64 // the highest of each of the last rounds
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

// A tcpDelivery measures the rate of delivery (draft-cheng-iccrg-delivery-rate-estimation). Times
// are from began.
type tcpDelivery struct {
	began     time.Time
	bytes     uint64        // delivered so far
	at        time.Duration // when the last of them were
	firstSent time.Duration // when these were sent
}

func (d *tcpDelivery) since(now time.Time) time.Duration { return now.Sub(d.began) }

func (d *tcpDelivery) sent(now time.Time, p *tcpSegment, inFlight int) {
	if inFlight == 0 {
		d.at, d.firstSent = d.since(now), d.since(now)
	}
	p.delivered, p.deliveredAt, p.firstSent = d.bytes, d.at, d.firstSent
}

// acked counts a segment and returns the rate in bytes per second, 0 if it was measured over
// less than a round trip.
func (d *tcpDelivery) acked(now time.Time, p *tcpSegment, roundTrip time.Duration) float64 {
	d.bytes += segment
	d.at, d.firstSent = d.since(now), d.since(p.time)
	took := max(d.firstSent-p.firstSent, d.at-p.deliveredAt)
	if took <= 0 || took < roundTrip {
		return 0
	}
	return float64(d.bytes-p.delivered) / took.Seconds()
}

const (
	bbr1Startup = -2
	bbr1Drain   = -1
	bbr1Gain    = 2.885
	bbr1Probe   = 4 // segments
)

func newBBR1(now time.Time) *bbr1 {
	return &bbr1{delivery: tcpDelivery{began: now}, phase: bbr1Startup}
}

func (b *bbr1) sent(now time.Time, p *tcpSegment, inFlight int) { b.delivery.sent(now, p, inFlight) }
func (b *bbr1) lost(time.Time)                                  { b.losses = true }
func (b *bbr1) timeout()                                        {}

func (b *bbr1) product() float64 { return slices.Max(b.rates[:]) * b.trip.Seconds() / segment }

func (b *bbr1) acked(now time.Time, p *tcpSegment, inFlight int, t *rtt.Estimator) {
	at := b.delivery.since(now)
	b.rates[0] = max(b.rates[0], b.delivery.acked(now, p, t.Min))
	stale := at-b.tripAt > 10*time.Second
	if b.trip == 0 || t.Latest <= b.trip || stale {
		b.probing = stale && b.trip != 0
		b.trip, b.tripAt, b.probeTill = t.Latest, at, 0
	}
	if p.delivered >= b.roundEnd {
		b.roundEnd = b.delivery.bytes
		b.endRound()
	}
	b.advance(at, inFlight/segment)
}

func (b *bbr1) endRound() {
	if b.phase == bbr1Startup {
		if v := slices.Max(b.rates[:]); v >= 1.25*b.full {
			b.full, b.flat = v, 0
		} else if b.flat++; b.flat == 3 {
			b.phase = bbr1Drain
		}
	}
	copy(b.rates[1:], b.rates[:])
	b.rates[0] = 0
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
	if v := slices.Max(b.rates[:]); v > 0 {
		return time.Duration(segment / (b.gain() * v) * float64(time.Second))
	}
	return 0
}
