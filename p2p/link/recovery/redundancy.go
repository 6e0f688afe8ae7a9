package recovery

import (
	"math"
	"time"

	"p2ptool/p2p/rtt"
)

// Where much is lost at random, a few packets that are lost again and again hold up all that
// follows them: of a thousand on a path that loses half, one takes ten attempts of a round
// trip each. So while there is nothing else to send, the oldest data that should have arrived and
// has not is sent again without waiting for its loss to be detected: in each round trip as often
// as makes it likely to arrive. That takes nothing away from other data, and is bounded: a sender
// that sends little on purpose must not send many times as much.
const (
	redundancyFrom   = 0.05 // share of random loss: less is made up for in time by retransmission
	redundancyDoubt  = 0.05 // probability that no copy arrives
	redundancyCopies = 8    // at most
	redundancyLeast  = 16   // packets in a round trip, of all copies together
	redundancyShare  = 8    // or this part of the window, if that is more
)

// A redundancy is what a path still has to send again in the current round trip.
type redundancy struct {
	until  time.Time // end of the round trip
	copies int       // that are left
	bytes  int       // of each: the oldest
}

// redundant reports whether the path loses so much that copies help.
func (r *Path) redundant() bool {
	return r.InFlight > 0 && r.Controller.RandomLoss() >= redundancyFrom
}

// CopiesDue returns when copies are next due, the zero time if they are not needed.
func (r *Path) CopiesDue(now time.Time) time.Time {
	if !r.redundancy.until.After(now) || !r.redundant() {
		return time.Time{}
	}
	return r.redundancy.until
}

// CopyDue returns how many bytes of the oldest data are to be sent again now, 0 if none are, and
// whether a new round trip has begun for redundancy. packet is the size of a full packet.
func (r *Path) CopyDue(now time.Time, packet int) (bytes int, newRound bool) {
	if !r.redundant() {
		return 0, false
	}
	in := &r.redundancy
	if !now.Before(in.until) {
		newRound = true
		lost := r.Controller.RandomLoss()
		in.until = now.Add(max(r.RTT.Estimate()*5/4, rtt.Granularity)) // with the delay of ACKs
		in.copies = min(int(math.Ceil(math.Log(redundancyDoubt)/math.Log(lost))), redundancyCopies)
		in.bytes = max(redundancyLeast*packet, r.Controller.Window()/redundancyShare) / in.copies
	}
	if in.copies == 0 {
		return 0, newRound
	}
	in.copies--
	return in.bytes, newRound
}
