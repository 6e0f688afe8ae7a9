package link

import (
	"io"
	"time"
)

// inbound is the receiving half of a stream.
type inbound struct {
	ring   ring
	got    spans  // what has arrived; the first begins at 0
	offset uint64 // up to where it was read
	limit  uint64 // up to where the other side may send
	window uint64 // how far limit is kept before offset
	end    uint64 // where the stream ends, if ended
	ended  bool
	err    error // instead of more data
	gone   bool  // the other side gave it up

	raised time.Time // when limit was last raised

	stopCode           uint64
	stopped            bool // no more is wanted
	windowDue, stopDue bool // frames to send
}

// available returns up to where data can be read.
func (r *inbound) available() uint64 {
	if len(r.got) == 0 || r.got[0].start > 0 {
		return 0
	}
	return r.got[0].end
}

// ready reports whether a read would not block.
func (r *inbound) ready() bool {
	return r.err != nil || r.available() > r.offset || r.ended && r.offset == r.end
}

// finished reports whether all that can come has come and was read.
func (r *inbound) finished() bool {
	return r.ended && (r.gone || r.offset == r.end || r.stopped && r.available() == r.end)
}

func (r *inbound) read(b []byte) (int, error) {
	if n := r.available() - r.offset; n > 0 && !r.stopped && !r.gone {
		b = b[:min(uint64(len(b)), n)]
		r.ring.read(r.offset, b)
		r.offset += uint64(len(b))
		r.wantWindow()
		return len(b), nil
	}
	if r.err != nil {
		return 0, r.err
	}
	return 0, io.EOF
}

// wantWindow asks for a WINDOW frame when half of the window is used up.
func (r *inbound) wantWindow() {
	if !r.ended && r.offset+r.window/2 > r.limit {
		r.windowDue = true
	}
}

// raise raises the limit and returns it. A window of which half was used up
// within two round trips is too small, and doubles if it may.
func (r *inbound) raise(now time.Time, roundTrip time.Duration, mayDouble bool) uint64 {
	if mayDouble && now.Sub(r.raised) < 2*roundTrip {
		r.window *= 2
	}
	r.raised, r.windowDue = now, false
	r.limit = max(r.limit, r.offset+r.window)
	return r.limit
}

// receive takes a piece of the stream.
func (r *inbound) receive(f streamFrame) error {
	end := f.offset + uint64(len(f.data))
	switch {
	case end > r.limit:
		return errFlow
	case r.gone:
		return nil // sent before it was given up
	case r.ended && (end > r.end || f.fin && end != r.end), f.fin && len(r.got) > 0 && r.got[len(r.got)-1].end > end:
		return errFinal
	}
	if f.fin {
		r.ended, r.end = true, end
	}
	if r.stopped {
		r.got.add(span{f.offset, end})
		return nil
	}
	data, at := f.data, f.offset
	if at < r.offset { // read already, at least in part
		skip := min(r.offset-at, uint64(len(data)))
		data, at = data[skip:], at+skip
	}
	if len(data) > 0 {
		r.ring.grow(int(end-r.offset), r.offset, max(r.offset, r.highest()))
		r.ring.write(at, data)
	}
	r.got.add(span{f.offset, end})
	return nil
}

func (r *inbound) highest() uint64 {
	if len(r.got) == 0 {
		return 0
	}
	return r.got[len(r.got)-1].end
}

// stop gives up reading.
func (r *inbound) stop(err error, code uint64) {
	if r.err == nil {
		r.err = err
	}
	if r.stopped {
		return
	}
	r.stopped, r.stopCode = true, code
	r.ring = ring{}
	r.stopDue = !r.ended || r.available() != r.end
}

// reset says that the other side gave up sending.
func (r *inbound) reset(err error) {
	if r.ended && r.available() == r.end && !r.stopped {
		return // all of it is here
	}
	r.fail(err)
	r.gone, r.ended, r.end = true, true, r.offset
	r.ring = ring{}
	r.stopDue, r.windowDue = false, false
}

func (r *inbound) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *inbound) lose(f sentFrame) {
	switch f.kind {
	case sentWindow:
		r.windowDue = !r.ended
	case sentStop:
		r.stopDue = !r.ended
	}
}
