package stream

import (
	"errors"
	"io"
	"time"

	"p2ptool/p2p/link/spans"
	"p2ptool/p2p/link/wire"
)

// NewInbound returns the receiving half of a new stream.
func NewInbound() Inbound { return Inbound{window: window{limit: FirstWindow, size: FirstWindow}} }

// An Inbound is the receiving half of a stream.
type Inbound struct {
	ring   ring
	got    spans.Set // what has arrived; the first begins at 0
	offset uint64    // up to which it was read
	end    uint64    // where the stream ends, if ended
	ended  bool
	err    error // what Read returns instead of more data
	gone   bool  // the peer gave it up (RESET)
	window window

	StopCode           uint64
	stopped            bool // nothing more will be read
	WindowDue, StopDue bool // a WINDOW, or a STOP with StopCode, is to be sent
}

// Errors of Receive. But for ErrNoRoom they mean that the peer broke the protocol. ErrNoRoom means that
// the packet is to be treated as lost.
var (
	errFlow   = errors.New("peer sent more than it may")
	errFinal  = errors.New("peer changed where a stream ends")
	ErrNoRoom = errors.New("no room for a packet")
)

// An honest stream has few gaps in a window: maxPieces bounds the spans of what has arrived, with one
// more for each bytesPerPiece of the window.
const (
	maxPieces     = 256
	bytesPerPiece = 2 << 10
)

// Available returns the offset up to which data can be read.
func (r *Inbound) Available() uint64 {
	if len(r.got) == 0 || r.got[0].Start > 0 {
		return 0
	}
	return r.got[0].End
}

// complete reports whether all of the stream has arrived and was read.
func (r *Inbound) complete() bool { return r.ended && !r.gone && !r.stopped && r.offset == r.end }

// Ready reports whether Read can return something.
func (r *Inbound) Ready() bool {
	return r.err != nil || r.Available() > r.offset || r.complete()
}

// Finished reports whether nothing more can come, and all of it was read.
func (r *Inbound) Finished() bool {
	return r.ended && (r.gone || r.offset == r.end || r.stopped && r.Available() == r.end)
}

// Read copies what there is to b. It must be Ready.
func (r *Inbound) Read(b []byte) (int, error) {
	n := r.Available() - r.offset
	switch {
	case n > 0 && !r.stopped && !r.gone:
		b = b[:min(uint64(len(b)), n, MaxCopy)]
		r.ring.read(r.offset, b)
		r.offset += uint64(len(b))
		r.WindowDue = r.WindowDue || !r.ended && r.window.due(r.offset)
		return len(b), nil
	case r.complete():
		return 0, io.EOF
	}
	return 0, r.err
}

// RaiseWindow returns the offset up to which the peer may send from now on. What the window grows
// by is taken out of spare.
func (r *Inbound) RaiseWindow(now time.Time, roundTrip time.Duration, spare *int) uint64 {
	r.WindowDue = false
	return r.window.raise(r.offset, now, roundTrip, spare)
}

// Receive handles a STREAM frame.
func (r *Inbound) Receive(f wire.Stream) error {
	piece := spans.Span{Start: f.Offset, End: f.Offset + uint64(len(f.Data))}
	switch {
	case piece.End > r.window.limit:
		return errFlow
	case r.gone:
		return nil // sent before it was given up
	case r.ended && (piece.End > r.end || f.Fin && piece.End != r.end), f.Fin && r.got.Last() > piece.End:
		return errFinal
	case len(f.Data) > 0 && len(r.got) >= maxPieces+r.window.size/bytesPerPiece && !r.got.Touches(piece):
		return ErrNoRoom
	}
	if f.Fin {
		r.ended, r.end, r.WindowDue = true, piece.End, false
	}
	if !r.stopped {
		r.store(piece, f.Data)
	}
	r.got.Add(piece)
	if !r.ended && !r.stopped && r.window.tight(r.offset, r.Available(), r.got.Last()) {
		r.WindowDue = true
	}
	return nil
}

// Needs returns how many more bytes of memory a STREAM frame needs. One that exceeds the window needs
// none: it is not stored.
func (r *Inbound) Needs(f wire.Stream) int {
	end := f.Offset + uint64(len(f.Data))
	if r.stopped || r.gone || end <= r.offset || end > r.window.limit {
		return 0
	}
	return r.ring.sizeFor(int(end-r.offset)) - r.ring.size()
}

// store keeps the part of a piece that was not read yet.
func (r *Inbound) store(piece spans.Span, data []byte) {
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

// Stop gives up reading: Read returns err from now on.
func (r *Inbound) Stop(err error, code uint64) {
	r.Fail(err)
	if r.stopped {
		return
	}
	r.stopped, r.StopCode, r.WindowDue = true, code, false
	r.ring = ring{}
	r.StopDue = !r.gone && (!r.ended || r.Available() != r.end)
}

// Reset is called when the peer gave up sending: Read returns err from now on, unless all
// of the stream has arrived.
func (r *Inbound) Reset(err error) {
	if r.ended && r.Available() == r.end && !r.stopped {
		return // all of it has arrived
	}
	r.Fail(err)
	r.gone, r.ended, r.end = true, true, r.offset
	r.ring = ring{}
	r.StopDue, r.WindowDue = false, false
}

func (r *Inbound) Fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// WindowLost is called when a WINDOW was lost, and reports whether another is to be sent.
func (r *Inbound) WindowLost() bool {
	r.WindowDue = !r.ended && !r.stopped
	return r.WindowDue
}

// StopLost is called when a STOP was lost, and reports whether another is to be sent.
func (r *Inbound) StopLost() bool {
	r.StopDue = !r.ended || r.stopped && !r.Finished()
	return r.StopDue
}

// WantsMore reports whether more data may come and would be read.
func (r *Inbound) WantsMore() bool { return !r.ended && !r.stopped && !r.gone }

// Limit returns the offset up to which the peer may send.
func (r *Inbound) Limit() uint64 { return r.window.limit }

// Grown returns by how much the window has grown out of the spare bytes of the link.
func (r *Inbound) Grown() int { return r.window.grown() }

// Held returns how many bytes the buffer takes.
func (r *Inbound) Held() int { return r.ring.size() }

// Bookkeeping returns how many bytes the record of what has arrived takes.
func (r *Inbound) Bookkeeping() int { return cap(r.got) * 16 }

// Free drops the buffer of a half that is finished.
func (r *Inbound) Free() { r.ring = ring{} }
