package link

import (
	"errors"
	"io"
	"time"

	"p2ptool/p2p/link/spans"
	"p2ptool/p2p/link/wire"
)

// inbound is the receiving half of a stream.
type inbound struct {
	ring   ring
	got    spans.Set // what has arrived; the first begins at 0
	offset uint64    // up to where it was read
	end    uint64    // where the stream ends, if ended
	ended  bool
	err    error // instead of more data
	gone   bool  // the other side gave it up
	window window

	stopCode           uint64
	stopped            bool // no more is wanted
	windowDue, stopDue bool // frames to send
}

// Errors of the other side's making; errNoRoom is none, but a packet that is
// to be taken for lost.
var (
	errFlow   = errors.New("peer sent more than it may")
	errFinal  = errors.New("peer changed where a stream ends")
	errNoRoom = errors.New("no room for a packet")
)

// maxPieces bounds the spans of what has arrived: an honest stream has but a
// few losses in a window. There is one piece more for so many bytes of it.
const (
	maxPieces     = 256
	bytesPerPiece = 2 << 10
)

// available returns up to where data can be read.
func (r *inbound) available() uint64 {
	if len(r.got) == 0 || r.got[0].Start > 0 {
		return 0
	}
	return r.got[0].End
}

// complete reports whether all of the stream has arrived and was read.
func (r *inbound) complete() bool { return r.ended && !r.gone && !r.stopped && r.offset == r.end }

// ready reports whether a read would not block.
func (r *inbound) ready() bool {
	return r.err != nil || r.available() > r.offset || r.complete()
}

// finished reports whether all that can come has come and was read.
func (r *inbound) finished() bool {
	return r.ended && (r.gone || r.offset == r.end || r.stopped && r.available() == r.end)
}

// read copies what there is to b. The caller has seen that it is ready.
func (r *inbound) read(b []byte) (int, error) {
	n := r.available() - r.offset
	switch {
	case n > 0 && !r.stopped && !r.gone:
		b = b[:min(uint64(len(b)), n, maxCopy)]
		r.ring.read(r.offset, b)
		r.offset += uint64(len(b))
		r.windowDue = r.windowDue || !r.ended && r.window.due(r.offset)
		return len(b), nil
	case r.complete():
		return 0, io.EOF
	}
	return 0, r.err
}

// raise lets the other side send more and returns up to where.
func (r *inbound) raise(now time.Time, roundTrip time.Duration, spare *int) uint64 {
	r.windowDue = false
	return r.window.raise(r.offset, now, roundTrip, spare)
}

// receive takes a piece of the stream.
func (r *inbound) receive(f wire.Stream) error {
	piece := spans.Span{Start: f.Offset, End: f.Offset + uint64(len(f.Data))}
	switch {
	case piece.End > r.window.limit:
		return errFlow
	case r.gone:
		return nil // sent before it was given up
	case r.ended && (piece.End > r.end || f.Fin && piece.End != r.end), f.Fin && r.got.Last() > piece.End:
		return errFinal
	case len(f.Data) > 0 && len(r.got) >= maxPieces+r.window.size/bytesPerPiece && !r.got.Touches(piece):
		return errNoRoom
	}
	if f.Fin {
		r.ended, r.end, r.windowDue = true, piece.End, false
	}
	if !r.stopped {
		r.store(piece, f.Data)
	}
	r.got.Add(piece)
	if !r.ended && !r.stopped && r.window.tight(r.offset, r.available(), r.got.Last()) {
		r.windowDue = true
	}
	return nil
}

// needs returns how many bytes of memory a piece of the stream needs beyond what there is. What the
// window does not allow needs none: it is not stored.
func (r *inbound) needs(f wire.Stream) int {
	end := f.Offset + uint64(len(f.Data))
	if r.stopped || r.gone || end <= r.offset || end > r.window.limit {
		return 0
	}
	return r.ring.sizeFor(int(end-r.offset)) - r.ring.size()
}

// store keeps what of a piece was not read yet.
func (r *inbound) store(piece spans.Span, data []byte) {
	if piece.End <= r.offset {
		return
	}
	if piece.Start < r.offset {
		data = data[r.offset-piece.Start:]
		piece.Start = r.offset
	}
	r.ring.grow(int(piece.End-r.offset), r.offset, max(r.offset, r.got.Last()))
	r.ring.write(piece.Start, data)
}

// stop gives up reading.
func (r *inbound) stop(err error, code uint64) {
	r.fail(err)
	if r.stopped {
		return
	}
	r.stopped, r.stopCode, r.windowDue = true, code, false
	r.ring = ring{}
	r.stopDue = !r.gone && (!r.ended || r.available() != r.end)
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

// lose notes that a frame has to be sent again and reports whether it has.
func (r *inbound) lose(f sentFrame) bool {
	wanted := !r.ended || r.stopped && !r.finished()
	switch f.kind {
	case sentWindow:
		r.windowDue = !r.ended && !r.stopped
		return r.windowDue
	case sentStop:
		r.stopDue = wanted
		return wanted
	}
	return false
}
