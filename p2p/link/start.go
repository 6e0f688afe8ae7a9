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
	trainHeld  = 1.1 // times as long as it was sent it takes to arrive, where the path holds it up
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
// rate of sending has come to.
type train struct {
	bytes     uint64 // delivered when it began
	sent      time.Duration
	delivered time.Duration
	began     bool
	held      bool // the last one took much longer to arrive than to be sent
}

// acked takes the packet that d was told of last, and returns the rate of a
// train that is as long as the given time, else 0.
func (t *train) acked(d *delivery, p *sentPacket, long time.Duration) (rate float64) {
	next := train{d.bytes, d.firstSent, d.at, true, t.held}
	switch {
	case !t.began || next.sent <= t.sent: // of a burst the last
	case p.flight.firstSent == next.sent: // nothing was under way before it
	case next.sent-t.sent < long, next.bytes-t.bytes < trainBytes:
		return 0
	default:
		sent, arrived := next.sent-t.sent, next.delivered-t.delivered
		rate = float64(next.bytes-t.bytes) / max(sent, arrived).Seconds()
		next.held = arrived.Seconds() > trainHeld*sent.Seconds()
	}
	*t = next
	return rate
}

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
	w := initialWindow * b.packet
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

// queued reports whether a queue stands that takes a good part of the round trip.
func (b *bbr) queued(r *rtt) bool {
	return r.smoothed-b.minTrip > max(b.minTrip/startQueue, tripMin/2)
}
