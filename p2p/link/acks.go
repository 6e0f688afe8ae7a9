package link

import (
	"time"

	"p2ptool/p2p/link/spans"
	"p2ptool/p2p/link/wire"
)

// acks remembers which packets have arrived and decides when to say so: at
// once for every second packet and for one out of order, else after a delay.
type acks struct {
	got     spans.Set
	largest uint64
	when    time.Time // the largest arrived
	pending int       // packets to acknowledge
	due     time.Time // when pending is not 0
}

const (
	keepRanges = 256
	ackEvery   = 2
)

// received notes a packet. eliciting says that it wants an acknowledgement.
func (a *acks) received(n uint64, now time.Time, eliciting bool, delay time.Duration) {
	inOrder := len(a.got) == 0 || n == a.got[len(a.got)-1].End
	if len(a.got) == 0 || n > a.largest {
		a.largest, a.when = n, now
	}
	a.got.Add(spans.Span{Start: n, End: n + 1})
	if len(a.got) > keepRanges {
		a.got = append(a.got[:0], a.got[1:]...)
	}
	if !eliciting {
		return
	}
	a.pending++
	switch {
	case a.pending >= ackEvery || !inOrder:
		a.due = now
	case a.pending == 1:
		a.due = now.Add(delay)
	}
}

// forget drops the numbers below n, of which the other side knows that it has
// been told (RFC 9000, section 13.2.4). The largest is always kept.
func (a *acks) forget(n uint64) {
	if n > 0 && len(a.got) > 0 {
		a.got.Remove(spans.Span{Start: 0, End: min(n, a.largest)})
	}
}

// wanted reports whether an ACK is due.
func (a *acks) wanted(now time.Time) bool { return a.pending > 0 && !a.due.After(now) }

// append appends an ACK frame to b and takes all for acknowledged. told is the
// number below which the frame tells of all that arrived, 0 for none.
func (a *acks) append(b []byte, now time.Time, room int) (out []byte, told uint64) {
	if a.pending == 0 {
		return b, 0
	}
	out, n := wire.AppendAck(b, a.got, now.Sub(a.when), room)
	if n > 0 {
		a.pending = 0
	}
	if n == len(a.got) {
		told = a.largest
	}
	return out, told
}
