package link

import (
	"slices"

	"p2ptool/p2p/link/spans"
)

// outbound is the sending half of a stream.
type outbound struct {
	ring   ring
	base   uint64    // all below has arrived
	next   uint64    // all from here was never sent
	end    uint64    // up to where was written
	limit  uint64    // up to where the other side lets us send
	got    spans.Set // of [base, next), what has arrived
	again  spans.Set // of [base, next), what is to be sent again
	young  uint64    // next when the present round trip began (insurance)
	old    uint64    // and the one before: what is below should have arrived
	err    error     // instead of more writing
	closed bool      // the stream ends at end

	finSent, finGot bool

	code               uint64
	given              bool // given up, with code
	resetDue, resetGot bool
}

// room returns how many bytes may be written while limit may be buffered.
func (o *outbound) room(limit int64) int { return int(max(limit-int64(o.end-o.base), 0)) }

func (o *outbound) write(b []byte) {
	o.ring.grow(int(o.end-o.base)+len(b), o.base, o.end)
	o.ring.write(o.end, b)
	o.end += uint64(len(b))
}

func (o *outbound) finish(err error) {
	o.closed = true
	o.fail(err)
}

func (o *outbound) fail(err error) {
	if o.err == nil {
		o.err = err
	}
}

// reset gives up sending.
func (o *outbound) reset(code uint64, err error) {
	o.fail(err)
	if o.given || o.finished() {
		return
	}
	o.given, o.resetDue, o.code = true, true, code
	o.ring, o.got, o.again = ring{}, nil, nil
}

// unsettled reports whether anything that was written, or the end, is still to
// arrive.
func (o *outbound) unsettled() bool {
	return !o.given && (o.base < o.end || o.closed && !o.finGot)
}

// blocked reports whether all that may be sent has arrived, and more waits.
func (o *outbound) blocked() bool {
	return !o.given && o.base == o.next && o.next == o.limit && o.end > o.limit
}

// finished reports whether all that is to be sent has arrived.
func (o *outbound) finished() bool {
	return o.resetGot || o.closed && o.finGot && o.base == o.end
}

// pending reports whether there is data, or the end, that may be sent.
func (o *outbound) pending() bool {
	if o.given {
		return false
	}
	return len(o.again) > 0 || o.next < min(o.end, o.limit) || o.closed && !o.finSent && o.next == o.end
}

// take returns the next piece to send, at most n bytes, and counts it as sent.
func (o *outbound) take(n int) (s spans.Span, fin bool) {
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

// acked notes that a frame arrived and reports whether there is new room.
func (o *outbound) acked(f sentFrame) bool {
	switch f.kind {
	case sentReset:
		o.resetGot = true
	case sentData:
		o.finGot = o.finGot || f.fin
		if o.given || f.data.End <= o.base {
			return false
		}
		o.again.Remove(f.data)
		f.data.Start = max(f.data.Start, o.base)
		if f.data.Start > o.base {
			o.got.Add(f.data)
			return false
		}
		o.advance(f.data.End)
		return true
	}
	return false
}

// advance notes that all below base has arrived.
func (o *outbound) advance(base uint64) {
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

// lose notes that a frame has to be sent again, as far as it did not arrive
// otherwise, and reports whether there is anything to send.
func (o *outbound) lose(f sentFrame) bool {
	switch f.kind {
	case sentReset:
		o.resetDue = !o.resetGot
		return o.resetDue
	case sentData:
		if o.given {
			return false
		}
		if f.fin && !o.finGot {
			o.finSent = false
		}
		f.data.Start = max(f.data.Start, o.base)
		o.got.Missing(f.data, o.again.Add)
		return o.pending()
	}
	return false
}
