package link

import (
	"math"
	"time"

	"p2ptool/p2p/udp"
)

// bbr is a congestion controller of the BBR family (draft-ietf-ccwg-bbr): it
// measures the rate at which the path delivers and the shortest round trip, sends
// at that rate, and keeps no more in flight than twice what the two multiply to.
// Loss alone does not slow it down: loss by chance (see chance) is made up
// for by sending as much more, so that the path is filled; loss beyond that
// bounds the rate until the path is probed for more again.
//
// Its life, with what is sent as a multiple of the rate:
//
//	start 2.77 --rate grows no more, or loss does--> drain 0.35 --queue empty--> cruise
//	cruise 1, six round trips -> up 1.25, until that much is in flight or lost
//	  -> down 0.75, until the queue is empty -> cruise
//	any --shortest round trip not seen for 10 s--> probe: half in flight, 200 ms -> back
type bbr struct {
	delivery delivery
	chance   chance
	packet   float64 // bytes of a full packet

	rates      maxRounds
	low        float64 // bound of the rate while loss says so; 0: none
	round      uint64
	roundEnd   uint64 // delivered bytes at which the round ends
	roundBegan time.Duration
	inRound    share
	busy       bool // the round has shown a rate

	minTrip   time.Duration
	minTripAt time.Duration
	samples   uint64

	phase      phase
	phaseBegan time.Duration
	cruises    int     // round trips of cruising left
	before     float64 // rate when the phase began
	phaseLost  bool    // something beyond chance was lost in the phase

	full       float64 // rate that the start has reached
	flatRounds int

	probeUntil time.Duration // 0: the queue is not empty yet
	bound      float64       // packets in flight after a stall; 0: none
}

const (
	startGain  = 2.77
	drainGain  = 0.35
	upGain     = 1.25
	upGrowth   = 1.1 // of the rate, and there may be more
	downGain   = 0.75
	windowGain = 2
	margin     = 0.99 // of the rate, so that a queue empties in the long run

	startGrowth    = 1.25 // of the rate in a round, or the path is full
	startRounds    = 3    // without such growth
	startLoss      = 0.10 // beyond chance, or the queue is
	cruiseRounds   = 6
	hostPause      = time.Millisecond      // for which a busy host may do something else
	tripMin        = 10 * time.Millisecond // a shorter round trip counts as that: hosts pause for longer
	tripMemory     = 10 * time.Second
	tripProbe      = 200 * time.Millisecond
	tripProbeShare = 0.5
	excessLoss     = 0.03 // beyond chance, or the rate is too high
	backOff        = 0.85 // of the rate at most at once
	bufferPerLoss  = 16
	bursts         = 3 // batches more in flight: what arrives together
)

func newBBR(now time.Time, packet int) *bbr {
	return &bbr{delivery: delivery{began: now}, packet: float64(packet)}
}

func (b *bbr) setPacket(bytes int) { b.packet = float64(bytes) }

func (b *bbr) sent(now time.Time, p *sentPacket, inFlight int) {
	b.delivery.sent(now, p, inFlight)
	p.flight.class = b.class()
}

func (b *bbr) idle(inFlight int) { b.delivery.idle(inFlight) }

func (b *bbr) acked(now time.Time, p *sentPacket, inFlight int, r *rtt) {
	t := b.delivery.since(now)
	b.sampleTrip(t, r)
	rate := b.delivery.acked(now, p, b.minTrip)
	if !p.flight.idle || rate > b.rates.max() {
		b.rates.add(rate)
		b.busy = b.busy || rate > 0
	}
	b.outcome(p, false)
	if p.flight.delivered >= b.roundEnd && t-b.roundBegan >= tripMin {
		b.roundEnd, b.roundBegan = b.delivery.bytes, t
		b.endRound(p.flight.idle)
	}
	b.advance(t, inFlight)
}

func (b *bbr) lost(_ time.Time, p *sentPacket) {
	b.outcome(p, true)
	if b.excess(excessLoss) {
		b.phaseLost = true
	}
}

func (b *bbr) outcome(p *sentPacket, lost bool) {
	b.chance.outcome(p.flight.class, lost)
	if p.flight.class == b.class() { // what went out before says nothing of this phase
		b.inRound.add(lost)
	}
}

func (b *bbr) regained(now time.Time, p *sentPacket) {
	b.chance.regained(p.flight.class)
	b.delivery.acked(now, p, b.minTrip)
}

func (b *bbr) stalled() { b.bound = minWindow }

// sampleTrip keeps the shortest round trip of the last ten seconds.
func (b *bbr) sampleTrip(t time.Duration, r *rtt) {
	if r.samples == b.samples {
		return
	}
	b.samples = r.samples
	if b.minTrip == 0 || r.adjusted <= b.minTrip || b.phase == phaseProbe && t-b.minTripAt > tripMemory {
		b.minTrip, b.minTripAt = r.adjusted, t
	}
}

// excess reports whether more is lost in this round than by chance, by a share
// that is more than the given one and than chance makes likely.
func (b *bbr) excess(than float64) bool {
	c, n := b.chance.value(), b.inRound.all
	deviation := math.Sqrt(max(c*(1-c), chanceFloor) / max(n, 1))
	return n >= enoughOutcomes/2 && b.inRound.value() > c+than+2*deviation
}

// endRound is called once a round trip.
func (b *bbr) endRound(idle bool) {
	b.round++
	if b.bound > 0 {
		if b.bound *= 2; b.bound*b.packet > b.target() {
			b.bound = 0
		}
	}
	switch b.phase {
	case phaseStart:
		b.chance.endRound()
		b.checkFull(idle)
	case phaseCruise:
		if b.excess(excessLoss) {
			b.low = max(b.rates.latest(), backOff*b.bandwidth())
		}
	}
	if b.inRound.all >= enoughOutcomes/2 {
		b.inRound = share{}
	}
	if b.busy { // else nothing was learned, and nothing is forgotten
		b.rates.next()
		b.busy = false
	}
}

// checkFull ends the start once the path is full.
func (b *bbr) checkFull(idle bool) {
	switch now := b.rates.max(); {
	case now >= b.full*startGrowth:
		b.full, b.flatRounds = now, 0
	case b.excess(startLoss):
		b.flatRounds = startRounds
	case !idle:
		b.flatRounds++
	}
}

// bandwidth is the rate at which the path delivers.
func (b *bbr) bandwidth() float64 {
	v := b.rates.max()
	if b.low > 0 {
		v = min(v, b.low)
	}
	return v
}

// sending is the rate of sending that makes the path deliver that much.
func (b *bbr) sending() float64 { return b.bandwidth() / (1 - b.chance.value()) }

// product is what is in flight when the path is full and its queue empty; of a
// very short path, what its hosts need to be kept busy.
func (b *bbr) product() float64 { return b.sending() * max(b.minTrip, hostPause).Seconds() }

func (b *bbr) probeWindow() float64 { return max(tripProbeShare*b.product(), minWindow*b.packet) }

func (b *bbr) rate(r *rtt) float64 {
	if v := b.sending(); v > 0 {
		return margin * b.gain() * v
	}
	if !r.sampled {
		return 0
	}
	return startGain * initialWindow * b.packet / r.smoothed.Seconds()
}

// target is the window when nothing else bounds it.
func (b *bbr) target() float64 {
	rate := b.sending()
	if rate == 0 {
		return initialWindow * b.packet
	}
	gain := float64(windowGain)
	if b.phase == phaseStart {
		gain = startGain
	}
	burst := min(rate*burstTime.Seconds(), udp.MaxBatch)
	return max(gain*b.product()+bursts*burst, initialWindow*b.packet)
}

// buffer is twice the window, and more where much is lost: until the oldest
// bytes have arrived at last, after many attempts, what follows them waits in the
// other side's window.
func (b *bbr) buffer() int {
	return int(min(b.target()*(2+bufferPerLoss*b.chance.value()), maxWindow))
}

func (b *bbr) window() int {
	w := b.target()
	if b.phase == phaseProbe {
		w = b.probeWindow()
	}
	if b.bound > 0 {
		w = min(w, b.bound*b.packet)
	}
	return int(min(max(w, minWindow*b.packet), maxWindow))
}
