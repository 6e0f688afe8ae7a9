package link

import (
	"math"
	"time"

	"p2ptool/p2p/udp"
)

// bbr is a congestion controller after BBR version 3 (draft-ietf-ccwg-bbr-02): it
// measures the rate at which the path delivers and the shortest round trip, sends
// at that rate, and keeps no more in flight than twice what the two multiply to,
// and what hosts and networks hold up (see aggregation).
//
// It departs from the draft in what it does about loss. BBR takes 2 % for too
// much, whatever they come from; here loss by chance (see chance) is made up for by
// sending as much more, so that a bad path is filled, and only loss beyond that
// bounds the rate until the path is probed for more again. So the bound is one of
// the rate, not of what is in flight. Besides
//   - the start takes the rate from a part of a round trip too (see train), sends no faster
//     while that arrives more slowly than it was sent, and ends at the first round that
//     filled a queue: a long path is filled a second sooner, and its queue less;
//   - the path is probed for more every eight round trips, as version 1 does, not every
//     two or three seconds: beside flows that do so it would get little;
//   - a sudden fall of the rate is noticed within a round trip or two (see rateDrop), not after
//     the ten rounds of the filter; and when probing finds more twice in a row the start begins
//     anew, so that a rate that returns is used soon;
//   - a round trip counts as at least tripMin or hostPause, because within those it is
//     the hosts that decide, and what was sent late by a paused host is taken for what
//     there was to send (see pacer).
//
// Its life, with what is sent as a multiple of the rate:
//
//	start 2.77, or 1 --rate grows no more, or loss does--> drain 0.35 --queue empty--> cruise
//	cruise 1, six round trips -> up 1.25, until that much is in flight or lost
//	  -> down 0.75, until the queue is empty -> cruise
//	up, down --more was found twice in a row--> start
//	any but start --rate drops--> drain
//	any --shortest round trip not seen for 10 s--> probe: half in flight, 200 ms -> back
type bbr struct {
	delivery delivery
	chance   chance
	drop     rateDrop
	packet   float64 // bytes of a full packet

	aggregated aggregation
	rates      maxRounds
	low        float64 // bound of the rate while loss says so; 0: none
	round      uint64
	roundEnd   uint64 // delivered bytes at which the round ends
	roundBegan time.Duration
	arriving   float64 // rate of delivery over the last round
	inRound    share
	busy       bool // the round has shown a rate
	measured   bool // there was a rate, of more than a few packets, that is not that of what there was to send

	minTrip   time.Duration
	minTripAt time.Duration
	samples   uint64

	phase      phase
	phaseBegan time.Duration
	cruises    int           // round trips of cruising left
	before     float64       // rate when the probe for a higher one began
	tripBefore time.Duration // and the smoothed round trip
	grown      int           // times in a row that the probe found a higher rate
	phaseLost  bool          // something beyond chance was lost in the phase

	train      train   // of the start
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
	upQueue    = 8   // of the round trip by which a queue grows, and there is not
	upRestart  = 2   // probes in a row that find more, then the start begins anew
	downGain   = 0.75
	windowGain = 2
	margin     = 0.99 // of the rate, so that a queue empties in the long run

	cruiseRounds   = 5
	hostPause      = time.Millisecond      // for which a busy host may do something else
	tripMin        = 10 * time.Millisecond // a shorter round trip counts as that: hosts pause for longer
	tripMemory     = 10 * time.Second
	tripProbe      = 200 * time.Millisecond
	tripProbeShare = 0.5
	excessLoss     = 0.05 // beyond chance, or the rate is too high
	backOff        = 0.90 // of the rate at most, unless less arrived
	burstShare     = 0.70 // of the rate arrived, and the rest was a burst
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
	p.flight.less = b.gain()*b.bandwidth() < 1.5*b.arriving
	p.flight.held = b.phase == phaseDrain || b.phase == phaseProbe || b.bound > 0
}

func (b *bbr) idle(inFlight int) { b.delivery.idle(inFlight) }

func (b *bbr) acked(now time.Time, p *sentPacket, inFlight int, r *rtt) {
	t := b.delivery.since(now)
	b.sampleTrip(t, r)
	rate := b.delivery.acked(now, p, b.minTrip)
	if b.phase == phaseStart {
		rate = max(rate, b.train.acked(&b.delivery, p, trainTime(b.minTrip)))
	}
	if b.sentBeforeDrop(p) {
		rate = 0 // part of it is the rate before
	}
	b.measured = b.measured || rate > 0 && !p.flight.idle && b.delivery.bytes-p.flight.delivered >= trainBytes
	if !p.flight.idle || rate > b.rates.max() {
		b.rates.add(rate)
		b.busy = b.busy || rate > 0
	}
	if b.phase != phaseStart || b.minTrip < tripMin { // else it is the growth
		b.aggregated.acked(t, int(p.size), b.rates.max())
	}
	b.outcome(p, false)
	if p.flight.delivered >= b.roundEnd && t-b.roundBegan >= tripMin {
		rate := float64(b.delivery.bytes-b.roundEnd) / (t - b.roundBegan).Seconds()
		if !p.flight.idle || rate > b.arriving {
			b.arriving = rate
		}
		b.roundEnd, b.roundBegan = b.delivery.bytes, t
		b.endRound(p.flight.idle)
	}
	if b.phase == phaseStart && b.queued(t, r) {
		b.flatRounds = startRounds
	}
	b.noteRate(p, t)
	b.advance(t, inFlight, r)
}

func (b *bbr) lost(_ time.Time, p *sentPacket) {
	b.drop.lost(p)
	b.outcome(p, true)
	if b.excess(excessLoss) {
		b.phaseLost = true
	}
}

func (b *bbr) outcome(p *sentPacket, lost bool) {
	if b.sentBeforeDrop(p) {
		return
	}
	if p.flight.class != classDown || p.flight.less {
		b.chance.outcome(p.flight.class, lost)
	}
	if p.flight.class == b.class() { // what went out before says nothing of this phase
		b.inRound.add(lost)
	}
}

func (b *bbr) regained(now time.Time, p *sentPacket) {
	b.chance.regained(p.flight.class)
	b.delivery.acked(now, p, b.minTrip)
}

func (b *bbr) lostByChance() float64 { return b.chance.value() }

func (b *bbr) stalled() { b.bound = minWindow }

// sampleTrip keeps the shortest round trip of the last ten seconds.
func (b *bbr) sampleTrip(t time.Duration, r *rtt) {
	if r.samples == b.samples {
		return
	}
	b.samples = r.samples
	if b.minTrip == 0 { // pings have measured it, without a queue of ours
		b.minTrip, b.minTripAt = min(r.min, r.adjusted), t
	}
	if r.adjusted <= b.minTrip || b.probing() && t-b.minTripAt > tripMemory {
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
			b.yield()
		}
	}
	if b.inRound.all >= enoughOutcomes/2 {
		b.inRound = share{}
	}
	b.aggregated.extra.next()
	if b.busy { // else nothing was learned, and nothing is forgotten
		b.rates.next()
		b.busy = false
	}
}

// yield bounds the rate after a round in which more was lost than by chance: by
// as much as was lost, but to no less than was delivered.
func (b *bbr) yield() {
	arrived := 1 - (b.inRound.value() - b.chance.value())
	if arrived > burstShare {
		b.low = max(b.rates.latest(), min(backOff, arrived)*b.bandwidth())
		return
	}
	// The highest rates were those of a bucket or a queue that filled.
	b.low = max(b.arriving, arrived*b.bandwidth())
	b.rates.bound(b.low)
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
	v := b.sending()
	switch {
	case !b.measured && b.phase == phaseStart:
		// A few small packets, such as an offer and its answer, show a rate that is only theirs.
		return max(margin*startGain*v, b.initialRate(r))
	case b.class() == classDown:
		// No more than arrives: what is lost even so is lost by chance.
		return margin * min(b.gain()*v, b.bandwidth())
	}
	return margin * b.gain() * v
}

// target is the window when nothing else bounds it.
func (b *bbr) target() float64 {
	rate := b.sending()
	if rate == 0 {
		return b.initial()
	}
	product := windowGain*b.product() + b.aggregated.extra.max()
	if b.phase == phaseStart { // in which the pace does not bound what the extra lets go
		product = startGain * b.product()
	}
	burst := min(rate*burstTime.Seconds(), udp.MaxBatch)
	return max(product+bursts*burst, b.initial())
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
