package link

import "time"

const (
	startGrowth = 1.25 // of the rate in a round, or the path is full
	startRounds = 3    // without such growth
	startQueue  = 2    // of the round trip a queue takes, and the path is full
	startLoss   = 0.10 // beyond chance, or the queue is

	trainBytes = 16 * baseMTU // of a train, at least
	trainShare = 16           // of a round trip a train takes so much, at least
	trainShort = 6 * time.Millisecond
	trainHeld  = 1.1 // of the rate at which it arrives it is sent at, where the path holds it up
	heldTrains = 2   // that arrive so, one after the other, and the path does

	heldBatches = 4 // in which a train arrives: less tell more of what gathers packets than of a queue
)

// trainTime is how long a train takes to be sent, at least: long enough for the
// lateness of hosts not to matter, where the round trip is.
func trainTime(roundTrip time.Duration) time.Duration {
	return max(roundTrip/trainShare, min(2*roundTrip/trainShare, trainShort))
}

// A train measures how fast what was sent within a part of a round trip is
// delivered: by the longer of the times in which it was sent and in which it was
// acknowledged, so that what arrives at once after a pause on the way shows no more than
// what was sent. It tells a round trip earlier than delivery does what a rising
// rate of sending has come to. A train begins and ends with the first packet of those that
// were acknowledged at once, since what comes in batches has the rate of whole batches.
type train struct {
	began     bool
	bytes     uint64        // delivered when its first packet was
	sent      time.Duration // when that was
	delivered time.Duration
	burst     uint64        // bytes sent together with it, after it
	latest    time.Duration // when something was delivered
	batches   int           // at how many times something was
	hold      hold
}

// acked takes the packet that d was told of last, and returns the rate of a
// train that is as long as the given time, else 0.
func (t *train) acked(d *delivery, p *sentPacket, long time.Duration) (rate float64) {
	first := d.at > t.latest || !t.began
	if t.latest = d.at; first {
		t.batches++
	}
	sent, arrived, bytes := d.firstSent-t.sent, d.at-t.delivered, d.bytes-t.bytes
	switch {
	case !t.began, p.flight.firstSent == d.firstSent: // nothing was under way before it
		t.began = false
	case sent < 0: // it was overtaken
		t.bytes += uint64(p.size)
		return 0
	case sent == 0:
		t.burst += uint64(p.size)
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

// A hold tells whether trains arrive more slowly than they were sent: where a queue grows,
// there is no more to be had by sending faster.
type hold struct {
	slow  int           // trains that arrived slowly, one after the other
	rate  float64       // at which they did
	since time.Duration // of the first
}

// arrived takes a train that was sent at one rate and arrived at another.
func (h *hold) arrived(at time.Duration, pace, rate float64) {
	switch {
	case pace > trainHeld*rate:
		if h.slow == 0 {
			h.since, h.rate = at, 0
		}
		h.slow++
		h.rate = max(h.rate, rate)
	case pace > trainHeld*h.rate: // else it was sent so slowly that it tells nothing
		h.slow = 0
	}
}

// held reports whether the start has come upon the path's rate, as more than one train
// says.
func (b *bbr) held() bool { return b.train.hold.slow >= heldTrains && b.minTrip >= tripMin }

// initialRate is the pace of the start before it has shown a rate of the path: a
// window in the time of two trains. It is 0 where the round trip is not known.
func (b *bbr) initialRate(r *rtt) float64 {
	if !r.sampled {
		return 0
	}
	return b.initial() / (2 * trainTime(max(r.smoothed, tripMin))).Seconds()
}

// initial is the window of the start, and the least but for a probe. That a long path
// carries large packets does not tell that it carries many.
func (b *bbr) initial() float64 {
	w := initialWindow * max(b.packet, baseMTU) // that packets are small at first tells nothing of the path's rate
	if b.minTrip == 0 || b.minTrip >= tripMin {
		w = min(w, max(initialBytes, minWindow*b.packet))
	}
	return w
}

// checkFull ends the start once the path is full: its rate does not grow any
// more, for some rounds, or for one that filled a queue or lost much.
func (b *bbr) checkFull(idle bool) {
	switch now := b.rates.max(); {
	case now >= b.full*startGrowth:
		b.full, b.flatRounds = now, 0
	case b.excess(startLoss):
		b.flatRounds = startRounds
		b.yield()
	case !idle:
		b.flatRounds++
	}
}

// queued reports whether a queue stands that takes a good part of the round trip, or
// grows for a whole one.
func (b *bbr) queued(t time.Duration, r *rtt) bool {
	return r.smoothed-b.minTrip > max(b.minTrip/startQueue, tripMin/2) || b.held() && t-b.train.hold.since > b.minTrip
}
