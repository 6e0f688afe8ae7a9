package link

import "time"

// What a stream may have under way. The first window is given to each without
// asking (docs/protocol.md). What windows grow beyond it comes out of a sum
// for the whole link, so that the other side can pin no more than that.
const (
	firstWindow = 64 << 10
	maxStream   = 16 << 20 // window or send buffer of one stream
	linkWindows = 32 << 20 // what all windows of a link may have grown by

	windowTrips = 16 // the window is so many times what is read in a round trip
	growMost    = 32 // times, at once
)

// A window tells the other side up to where it may send. It sizes itself.
type window struct {
	limit uint64 // up to where the other side may send
	size  int    // how far limit is kept before what was read

	cramped bool // more has to wait for what is lost than fits

	mark   uint64    // what was read when the limit was last raised
	marked time.Time // and when
}

// due reports whether the other side should hear of a higher limit: it has
// used a quarter of the window.
func (w *window) due(read uint64) bool {
	return w.limit < read+uint64(w.size-w.size/4)
}

// tight notes, and reports, that nearly all of the window waits for bytes that
// were lost: whoever reads has taken what he could.
func (w *window) tight(read, available, highest uint64) bool {
	if size := uint64(w.size); available-read < size/8 && highest-read > size-size/4 && w.size < maxStream {
		w.cramped = true
	}
	return w.cramped
}

// raise raises the limit and returns it. The size grows, as far as spare has as
// much, to some times what is read in a round trip at the pace since the last
// raise: the start of a transfer more than doubles its rate in each. When the window
// was tight it grows to four times as much at least, because it is late already.
func (w *window) raise(read uint64, now time.Time, roundTrip time.Duration, spare *int) uint64 {
	grow := 0
	if took := now.Sub(w.marked); !w.marked.IsZero() {
		trips := max(took.Seconds(), time.Microsecond.Seconds()) / roundTrip.Seconds()
		grow = int(min(windowTrips*float64(read-w.mark)/trips, growMost*float64(w.size))) - w.size
	}
	if w.cramped {
		grow = max(grow, 3*w.size)
	}
	if grow = min(grow, *spare, maxStream-w.size); grow > 0 {
		*spare -= grow
		w.size += grow
	}
	w.cramped = false
	w.mark, w.marked = read, now
	w.limit = max(w.limit, read+uint64(w.size))
	return w.limit
}

// grown returns what the window has taken out of spare.
func (w *window) grown() int { return w.size - firstWindow }
