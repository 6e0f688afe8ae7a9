package congestion

import (
	"math"
	"time"

	"p2ptool/p2p/rtt"
	"p2ptool/p2p/udp"
)

// bbr is a congestion controller of the BBR family (draft-ietf-ccwg-bbr-02): it measures
// the rate at which the path delivers and the shortest round trip, sends at that rate, and
// keeps at most twice their product in flight, plus what hosts and networks hold up (see
// aggregation).
//
// It departs from the draft in how it treats loss. BBR takes any loss above 2 % for
// congestion. Here random loss (see randomLoss) is made up for by sending that much more, so
// that a bad path is filled, and only loss beyond it bounds the rate, until the path is probed
// again. The bound is therefore one of the rate, not of what is in flight. Other differences:
//   - startup also takes the rate from part of a round trip (see train), sends no faster while
//     trains arrive more slowly than they were sent, and ends in the first round that filled a
//     queue: a long path is filled a second sooner, with less of a queue;
//   - the path is probed for a higher rate every eight round trips, as in version 1, not
//     every two or three seconds: beside flows that do so it would get little;
//   - a sudden fall of the rate is noticed within one or two round trips (see rateFall), not
//     after the ten rounds of the filter; and when two probes in a row find a higher rate,
//     startup begins anew, so that a rate that returns is used soon;
//   - a round trip counts as at least tripMin or hostPause, because within those the hosts
//     decide, and what a paused host sent late counts as limited by the application (see Pacer).
//
// Its phases, with the pacing gain of each:
//
//	startup 2.77, or 1 --rate stops growing, or loss--> drain 0.35 --queue empty--> cruise
//	cruise 1, six round trips -> up 1.25, until that much is in flight or lost
//	  -> down 0.75, until the queue is empty -> cruise
//	up, down --two probes in a row found more--> startup
//	any but startup --rate falls--> drain
//	any --shortest round trip not seen for 10 s--> probe RTT: half in flight, 200 ms -> back
type bbr struct {
	delivery   deliveryRate
	randomLoss randomLoss
	fall       rateFall
	packet     float64 // bytes of a full packet

	aggregated aggregation
	rates      maxRounds
	low        float64 // bound of the rate while loss calls for one; 0: none
	arriving   float64 // rate of delivery over the last round
	measured   bool    // a rate was measured over more than a few packets while there was enough to send
	round      round
	trip       minTrip

	phase      phase
	phaseBegan time.Duration
	phaseLost  bool // more than random loss was lost in this phase
	cruises    int  // round trips of cruising left
	probe      rateProbe
	startup    startup
	bound      float64 // packets in flight after persistent congestion; 0: no bound
}

// A round is a round trip, counted by what is delivered.
type round struct {
	end   uint64 // delivered bytes at which it ends
	began time.Duration
	loss  share
	busy  bool // a rate was measured in it
}

// A minTrip is the shortest round trip of the last ten seconds.
type minTrip struct {
	min        time.Duration
	at         time.Duration // when it was measured
	samples    uint64        // that were looked at
	probeUntil time.Duration // while probing for it; 0: the queue is not empty yet
}

// A rateProbe is a probe for a higher rate (phaseUp).
type rateProbe struct {
	rateBefore float64
	tripBefore time.Duration // smoothed
	found      int           // times in a row that the rate was higher
}

// A startup is the state of phaseStartup.
type startup struct {
	train      train
	full       float64 // highest rate so far
	flatRounds int     // without growth
}

const (
	startGain  = 2.77
	drainGain  = 0.35
	upGain     = 1.25
	upGrowth   = 1.1 // of the rate: there may be more
	upQueue    = 8   // a queue that grows by this part of the round trip: there is not
	upRestart  = 2   // probes in a row that find more: startup begins anew
	downGain   = 0.75
	windowGain = 2
	margin     = 0.99 // of the rate, so that a queue empties in the long run

	cruiseRounds   = 5
	hostPause      = time.Millisecond      // that a busy host may spend on something else
	tripMin        = 10 * time.Millisecond // a shorter round trip counts as that: hosts pause for longer
	tripMemory     = 10 * time.Second
	tripProbe      = 200 * time.Millisecond
	tripProbeShare = 0.5
	excessLoss     = 0.05 // beyond random loss: the rate is too high
	backOff        = 0.90 // of the rate at most, unless less arrived
	burstShare     = 0.70 // less of the rate arrived: the highest rates were a burst
	bufferPerLoss  = 16
	bursts         = 3 // batches more in flight, since ACKs come in bursts
)

// NewBBR returns a controller for a path whose full packets have that many bytes.
func NewBBR(now time.Time, packet int) Controller { return newBBR(now, packet) }

func newBBR(now time.Time, packet int) *bbr {
	return &bbr{delivery: deliveryRate{began: now}, packet: float64(packet)}
}

func (b *bbr) SetPacket(bytes int) { b.packet = float64(bytes) }

func (b *bbr) Sent(now time.Time, p *Sent, inFlight int) {
	b.delivery.sent(now, p, inFlight)
	p.Flight.class = b.class()
	p.Flight.less = b.gain()*b.bandwidth() < 1.5*b.arriving
	p.Flight.held = b.phase == phaseDrain || b.phase == phaseProbeRTT || b.bound > 0
}

func (b *bbr) Idle(inFlight int) { b.delivery.idle(inFlight) }

func (b *bbr) Acked(now time.Time, p *Sent, inFlight int, r *rtt.Estimator) {
	t := b.delivery.since(now)
	b.sampleTrip(t, r)
	rate := b.delivery.acked(now, p, b.trip.min)
	if b.phase == phaseStartup {
		rate = max(rate, b.startup.train.acked(&b.delivery, p, trainTime(b.trip.min)))
	}
	if b.sentBeforeFall(p) {
		rate = 0 // part of it is the rate before the fall
	}
	b.measured = b.measured || rate > 0 && !p.Flight.idle && b.delivery.bytes-p.Flight.delivered >= trainBytes
	if !p.Flight.idle || rate > b.rates.max() {
		b.rates.add(rate)
		b.round.busy = b.round.busy || rate > 0
	}
	if b.phase != phaseStartup || b.trip.min < tripMin { // else it would measure the growth
		b.aggregated.acked(t, int(p.Size), b.rates.max())
	}
	b.outcome(p, false)
	if p.Flight.delivered >= b.round.end && t-b.round.began >= tripMin {
		rate := float64(b.delivery.bytes-b.round.end) / (t - b.round.began).Seconds()
		if !p.Flight.idle || rate > b.arriving {
			b.arriving = rate
		}
		b.round.end, b.round.began = b.delivery.bytes, t
		b.endRound(p.Flight.idle)
	}
	if b.phase == phaseStartup && b.queued(t, r) {
		b.startup.flatRounds = startRounds
	}
	b.noteRate(p, t)
	b.advance(t, inFlight, r)
}

func (b *bbr) Lost(_ time.Time, p *Sent) {
	b.fall.lost(p)
	b.outcome(p, true)
	if b.excess(excessLoss) {
		b.phaseLost = true
	}
}

func (b *bbr) outcome(p *Sent, lost bool) {
	if b.sentBeforeFall(p) {
		return
	}
	if p.Flight.class != classDown || p.Flight.less {
		b.randomLoss.outcome(p.Flight.class, lost)
	}
	if p.Flight.class == b.class() { // what was sent before says nothing about this phase
		b.round.loss.add(lost)
	}
}

func (b *bbr) SpuriousLoss(now time.Time, p *Sent) {
	b.randomLoss.regained(p.Flight.class)
	b.delivery.acked(now, p, b.trip.min)
}

func (b *bbr) RandomLoss() float64 { return b.randomLoss.value() }

func (b *bbr) PersistentCongestion() { b.bound = minWindow }

// sampleTrip keeps the shortest round trip of the last ten seconds.
func (b *bbr) sampleTrip(t time.Duration, r *rtt.Estimator) {
	if r.Samples == b.trip.samples {
		return
	}
	b.trip.samples = r.Samples
	if b.trip.min == 0 { // pings have measured it, without a queue of ours
		b.trip.min, b.trip.at = min(r.Min, r.Adjusted), t
	}
	if r.Adjusted <= b.trip.min || b.probing() && t-b.trip.at > tripMemory {
		b.trip.min, b.trip.at = r.Adjusted, t
	}
}

// excess reports whether the loss of this round exceeds random loss by more than the given
// share and by more than two standard deviations.
func (b *bbr) excess(than float64) bool {
	c, n := b.randomLoss.value(), b.round.loss.all
	deviation := math.Sqrt(max(c*(1-c), lossFloor) / max(n, 1))
	return n >= enoughOutcomes/2 && b.round.loss.value() > c+than+2*deviation
}

// endRound is called once a round trip.
func (b *bbr) endRound(idle bool) {
	if b.bound > 0 {
		if b.bound *= 2; b.bound*b.packet > b.target() {
			b.bound = 0
		}
	}
	switch b.phase {
	case phaseStartup:
		b.randomLoss.endRound()
		b.checkFull(idle)
	case phaseCruise:
		if b.excess(excessLoss) {
			b.yield()
		}
	}
	if b.round.loss.all >= enoughOutcomes/2 {
		b.round.loss = share{}
	}
	b.aggregated.extra.next()
	if b.round.busy { // else nothing was measured, and nothing is forgotten
		b.rates.next()
		b.round.busy = false
	}
}

// yield bounds the rate after a round that lost more than random loss: it takes off as much
// as was lost, but stays at what was delivered.
func (b *bbr) yield() {
	arrived := 1 - (b.round.loss.value() - b.randomLoss.value())
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

// sending is the rate of sending at which the path delivers the bandwidth.
func (b *bbr) sending() float64 { return b.bandwidth() / (1 - b.randomLoss.value()) }

// product is the bandwidth-delay product: what is in flight when the path is full and its queue
// empty. Of a very short path it is what keeps the hosts busy.
func (b *bbr) product() float64 { return b.sending() * max(b.trip.min, hostPause).Seconds() }

func (b *bbr) probeWindow() float64 { return max(tripProbeShare*b.product(), minWindow*b.packet) }

func (b *bbr) Rate(r *rtt.Estimator) float64 {
	v := b.sending()
	switch {
	case !b.measured && b.phase == phaseStartup:
		// A few small packets, such as an offer and its answer, do not show the path's rate.
		return max(margin*startGain*v, b.initialRate(r))
	case b.class() == classDown:
		// No more than arrives: what is lost even so is random loss.
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
	if b.phase == phaseStartup { // whose pace does not bound what the extra would let go
		product = startGain * b.product()
	}
	burst := min(rate*burstTime.Seconds(), udp.MaxBatch)
	return max(product+bursts*burst, b.initial())
}

// Buffer returns twice the window, and more on a path with much loss: until the oldest bytes
// have arrived, after many attempts, the bytes behind them wait in the peer's receive window.
func (b *bbr) Buffer() int {
	return int(min(b.target()*(2+bufferPerLoss*b.randomLoss.value()), maxWindow))
}

func (b *bbr) Window() int {
	w := b.target()
	if b.phase == phaseProbeRTT {
		w = b.probeWindow()
	}
	if b.bound > 0 {
		w = min(w, b.bound*b.packet)
	}
	return int(min(max(w, minWindow*b.packet), maxWindow))
}
