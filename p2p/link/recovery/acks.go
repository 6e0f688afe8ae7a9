package recovery

import (
	"time"

	"p2ptool/p2p/link/spans"
	"p2ptool/p2p/link/wire"
)

// Acks holds which packets have arrived and decides when to acknowledge them: at once every
// second one and any that is out of order, else after a delay.
type Acks struct {
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

// Received notes a packet. delay is how long its ACK may wait if it is ack-eliciting.
func (a *Acks) Received(n uint64, now time.Time, eliciting bool, delay time.Duration) {
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

// Forget drops the numbers below n, whose ACK the peer has acknowledged (RFC 9000, section 13.2.4).
// The largest is always kept.
func (a *Acks) Forget(n uint64) {
	if n > 0 && len(a.got) > 0 {
		a.got.Remove(spans.Span{Start: 0, End: min(n, a.largest)})
	}
}

// Wanted reports whether an ACK is due.
func (a *Acks) Wanted(now time.Time) bool { return a.pending > 0 && !a.due.After(now) }

// Append appends an ACK of at most room bytes to b, if one is wanted sooner or later. allBelow is
// the number below which it covers everything that arrived, 0 if it does not.
func (a *Acks) Append(b []byte, now time.Time, room int) (out []byte, allBelow uint64) {
	if a.pending == 0 {
		return b, 0
	}
	out, n := wire.AppendAck(b, a.got, now.Sub(a.when), room)
	if n > 0 {
		a.pending = 0
	}
	if n == len(a.got) {
		allBelow = a.largest
	}
	return out, allBelow
}

// Deadline returns when an ACK has to be sent, the zero time if none has.
func (a *Acks) Deadline() time.Time {
	if a.pending == 0 {
		return time.Time{}
	}
	return a.due
}

// Runs returns in how many runs of numbers packets have arrived.
func (a *Acks) Runs() int { return len(a.got) }

// Bookkeeping returns how many bytes the record of what has arrived takes.
func (a *Acks) Bookkeeping() int { return cap(a.got) * 16 }
