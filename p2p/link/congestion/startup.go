package congestion

import (
	"time"

	"p2ptool/p2p/rtt"
)

const (
	startGrowth = 1.25 // of the rate in a round; else the path is full
	startRounds = 3    // without such growth end startup
	startQueue  = 2    // a queue of this part of the round trip: the path is full
	startLoss   = 0.10 // beyond random loss: the queue is full

	trainBytes = 16 * fullPacket // in a train, at least
	trainShare = 16              // a train takes at least this part of a round trip
	trainShort = 6 * time.Millisecond
	trainHeld  = 1.1 // a train sent at more than this times the rate of its arrival was slowed down
	heldTrains = 2   // in a row that were: the path has no more

	heldBatches = 4 // in which a train arrives, at least: fewer show how packets are batched, not a queue
)

// trainTime is the shortest time over which a train is sent: long enough for delays of the hosts
// not to matter, as far as the round trip permits.
func trainTime(roundTrip time.Duration) time.Duration {
	return max(roundTrip/trainShare, min(2*roundTrip/trainShare, trainShort))
}

// A train measures how fast the packets sent within part of a round trip are delivered: over the
// time in which they were sent or acknowledged, whichever is longer, so that a burst after a
// pause on the way shows no more than the rate of sending. While the rate of sending rises, it is
// a round trip ahead of deliveryRate. A train begins and ends with the first packet of a batch
// that was acknowledged at once, since only whole batches show a rate.
type train struct {
	began     bool
	bytes     uint64        // delivered when its first packet was
	sent      time.Duration // when that was
	delivered time.Duration
	burst     uint64        // bytes sent at the same time, after it
	latest    time.Duration // when something was delivered
	batches   int           // number of such times
	hold      hold
}

// acked counts the packet that d counted last, and returns the rate of the train if that is complete:
// sent over at least the given time. Else it returns 0.
func (t *train) acked(d *deliveryRate, p *Sent, long time.Duration) (rate float64) {
	first := d.at > t.latest || !t.began
	if t.latest = d.at; first {
		t.batches++
	}
	sent, arrived, bytes := d.firstSent-t.sent, d.at-t.delivered, d.bytes-t.bytes
	switch {
	case !t.began, p.Flight.firstSent == d.firstSent: // nothing was in flight before it
		t.began = false
	case sent < 0: // it was overtaken
		t.bytes += uint64(p.Size)
		return 0
	case sent == 0:
		t.burst += uint64(p.Size)
		return 0
	case !first || sent < long || bytes < trainBytes:
		return 0
	default:
		pace := float64(bytes-t.burst) / sent.Seconds()
		rate = min(pace, float64(bytes)/arrived.Seconds())
		if t.batches >= heldBatches {
			t.hold.arrived(d.at, pace, rate)
		}
	}
	if first {
		*t = train{began: true, bytes: d.bytes, sent: d.firstSent, delivered: d.at, latest: d.at, hold: t.hold}
	}
	return rate
}

// A hold notices that trains arrive more slowly than they were sent: a queue grows, and sending
// faster gains nothing.
type hold struct {
	slow  int           // trains in a row that arrived more slowly
	rate  float64       // the highest at which they arrived
	since time.Duration // of the first
}

// arrived counts a train that was sent at one rate, pace, and arrived at another.
func (h *hold) arrived(at time.Duration, pace, rate float64) {
	switch {
	case pace > trainHeld*rate:
		if h.slow == 0 {
			h.since, h.rate = at, 0
		}
		h.slow++
		h.rate = max(h.rate, rate)
	case pace > trainHeld*h.rate: // else it was sent too slowly to show anything
		h.slow = 0
	}
}

// held reports whether startup has reached the path's rate, as shown by several trains.
func (b *bbr) held() bool { return b.startup.train.hold.slow >= heldTrains && b.trip.min >= tripMin }

// initialRate is the pace of startup until a rate was measured: a window in the time of two
// trains. It is 0 if the round trip is not known.
func (b *bbr) initialRate(r *rtt.Estimator) float64 {
	if !r.Sampled {
		return 0
	}
	return b.initial() / (2 * trainTime(max(r.Smoothed, tripMin))).Seconds()
}

// initial is the window of startup, and the smallest window outside of a probe. A long path that
// carries large packets need not carry many.
func (b *bbr) initial() float64 {
	w := initialWindow * max(b.packet, fullPacket) // packets are small at first whatever the path's rate
	if b.trip.min == 0 || b.trip.min >= tripMin {
		w = min(w, max(initialBytes, minWindow*b.packet))
	}
	return w
}

// checkFull ends startup once the path is full: its rate has not grown for some rounds, or a round
// lost much.
func (b *bbr) checkFull(idle bool) {
	switch now := b.rates.max(); {
	case now >= b.startup.full*startGrowth:
		b.startup.full, b.startup.flatRounds = now, 0
	case b.excess(startLoss):
		b.startup.flatRounds = startRounds
		b.yield()
	case !idle:
		b.startup.flatRounds++
	}
}

// queued reports whether a queue takes a good part of the round trip, or has grown for a whole
// round trip.
func (b *bbr) queued(t time.Duration, r *rtt.Estimator) bool {
	return r.Smoothed-b.trip.min > max(b.trip.min/startQueue, tripMin/2) || b.held() && t-b.startup.train.hold.since > b.trip.min
}
