package stream

import (
	"slices"

	"p2ptool/p2p/link/spans"
)

// NewOutbound returns the sending half of a new stream.
func NewOutbound() Outbound { return Outbound{limit: FirstWindow} }

// An Outbound is the sending half of a stream.
type Outbound struct {
	ring   ring
	base   uint64    // all below has arrived
	next   uint64    // all from here on was never sent
	end    uint64    // up to which was written
	limit  uint64    // up to which the peer lets us send
	got    spans.Set // of [base, next), what has arrived
	again  spans.Set // of [base, next), what is to be sent again
	young  uint64    // next when the current round trip began (Age)
	old    uint64    // and the one before it: what is below should have arrived
	err    error     // of further writes
	closed bool      // the stream ends at end

	finSent, finGot bool

	ResetCode          uint64
	given              bool // given up, with ResetCode
	ResetDue, resetGot bool
}

// Room returns how many bytes may be written if at most limit bytes may be buffered.
func (o *Outbound) Room(limit int64) int { return int(max(limit-int64(o.end-o.base), 0)) }

func (o *Outbound) Write(b []byte) {
	o.ring.grow(int(o.end-o.base)+len(b), o.base, o.end)
	o.ring.write(o.end, b)
	o.end += uint64(len(b))
}

func (o *Outbound) Finish(err error) {
	o.closed = true
	o.Fail(err)
}

func (o *Outbound) Fail(err error) {
	if o.err == nil {
		o.err = err
	}
}

// Reset gives up sending: further writes fail with err, and a RESET with the code is due.
func (o *Outbound) Reset(code uint64, err error) {
	o.Fail(err)
	if o.given || o.Finished() {
		return
	}
	o.given, o.ResetDue, o.ResetCode = true, true, code
	o.ring, o.got, o.again = ring{}, nil, nil
}

// Unsettled reports whether anything that was written, or the end, was not acknowledged yet.
func (o *Outbound) Unsettled() bool {
	return !o.given && (o.base < o.end || o.closed && !o.finGot)
}

// Blocked reports whether the peer has everything it lets us send, and more waits.
func (o *Outbound) Blocked() bool {
	return !o.given && o.base == o.next && o.next == o.limit && o.end > o.limit
}

// Finished reports whether everything, or the RESET, was acknowledged.
func (o *Outbound) Finished() bool {
	return o.resetGot || o.closed && o.finGot && o.base == o.end
}

// Pending reports whether data, or the end, may be sent now.
func (o *Outbound) Pending() bool {
	if o.given {
		return false
	}
	return len(o.again) > 0 || o.next < min(o.end, o.limit) || o.closed && !o.finSent && o.next == o.end
}

// NextFrame returns which bytes to send next, at most n, and whether the stream ends with them. It
// counts them as sent.
func (o *Outbound) NextFrame(n int) (s spans.Span, fin bool) {
	if len(o.again) > 0 {
		s = o.again[0]
		s.End = min(s.End, s.Start+uint64(n))
		o.again.Remove(s)
	} else {
		s = spans.Span{Start: o.next, End: min(o.end, o.limit, o.next+uint64(n))}
		s.End = max(s.End, s.Start)
		o.next = s.End
	}
	fin = o.closed && s.End == o.end && (!o.finSent || s.Len() > 0)
	o.finSent = o.finSent || fin
	return s, fin
}

// ResetAcked notes that a RESET arrived.
func (o *Outbound) ResetAcked() { o.resetGot = true }

// Acked notes that a STREAM frame arrived and reports whether there is new room.
func (o *Outbound) Acked(data spans.Span, fin bool) bool {
	o.finGot = o.finGot || fin
	if o.given || data.End <= o.base {
		return false
	}
	o.again.Remove(data)
	data.Start = max(data.Start, o.base)
	if data.Start > o.base {
		o.got.Add(data)
		return false
	}
	o.advance(data.End)
	return true
}

// advance notes that all below base has arrived.
func (o *Outbound) advance(base uint64) {
	n := 0
	for n < len(o.got) && o.got[n].Start <= base {
		base = max(base, o.got[n].End)
		n++
	}
	o.base = base
	if n > 0 {
		o.got = slices.Delete(o.got, 0, n)
	}
}

// ResetLost is called when a RESET was lost, and reports whether another is to be sent.
func (o *Outbound) ResetLost() bool {
	o.ResetDue = !o.resetGot
	return o.ResetDue
}

// Lost notes that a STREAM frame has to be sent again, as far as its data has not arrived in
// another, and reports whether there is anything to send.
func (o *Outbound) Lost(data spans.Span, fin bool) bool {
	if o.given {
		return false
	}
	if fin && !o.finGot {
		o.finSent = false
	}
	data.Start = max(data.Start, o.base)
	o.got.Missing(data, o.again.Add)
	return o.Pending()
}

// RaiseLimit lets more be sent, up to an offset.
func (o *Outbound) RaiseLimit(limit uint64) { o.limit = max(o.limit, limit) }

// Copy fills b with what was written from an offset on.
func (o *Outbound) Copy(from uint64, b []byte) { o.ring.read(from, b) }

// Sent returns the offset up to which data was sent.
func (o *Outbound) Sent() uint64 { return o.next }

// Failed returns the error of further writes, nil if they are fine.
func (o *Outbound) Failed() error { return o.err }

// Held returns how many bytes the buffer takes.
func (o *Outbound) Held() int { return o.ring.size() }

// Bookkeeping returns how many bytes the record of what has arrived takes.
func (o *Outbound) Bookkeeping() int { return (cap(o.got) + cap(o.again)) * 16 }

// Age is called once a round trip: what was sent in the one before should have arrived.
func (o *Outbound) Age() { o.old, o.young = o.young, o.next }

// Repeat makes up to n of the oldest bytes due again that should have arrived and have not, and
// returns how many. The end of the stream counts as one.
func (o *Outbound) Repeat(n int) int {
	if o.given || n <= 0 {
		return 0
	}
	left := n
	o.got.Missing(spans.Span{Start: o.base, End: o.old}, func(s spans.Span) {
		s.End = min(s.End, s.Start+uint64(left))
		left -= int(s.Len())
		o.again.Add(s)
	})
	if left > 0 && o.finSent && !o.finGot && o.old == o.end {
		o.finSent = false
		left--
	}
	return n - left
}
