package stream

import "time"

// Sizes of windows. Each stream begins with FirstWindow, which is part of the protocol. What windows
// grow by comes out of a sum for the whole link, which bounds what the peer can make it hold.
const (
	FirstWindow = 64 << 10
	MaxBuffer   = 16 << 20 // window or send buffer of one stream
	LinkWindows = 32 << 20 // by which all windows of a link may have grown

	MaxCopy = 64 << 10 // bytes copied at once, so that the loop does not wait

	windowTrips = 16 // times what is read in a round trip is the size of a window
	growMost    = 32 // times, in one step
)

// A window is how far the peer may send ahead of what was read. It sizes itself.
type window struct {
	limit uint64 // up to which the peer may send
	size  int    // of limit ahead of what was read

	cramped bool // more waits behind lost bytes than fits

	mark   uint64    // what was read when the limit was last raised
	marked time.Time // and when
}

// due reports whether the peer should get a higher limit: a quarter of the window is used up.
func (w *window) due(read uint64) bool {
	return w.limit < read+uint64(w.size-w.size/4)
}

// tight notes and reports that nearly all of the window waits behind lost bytes, although the
// application has read what it could.
func (w *window) tight(read, available, highest uint64) bool {
	if size := uint64(w.size); available-read < size/8 && highest-read > size-size/4 && w.size < MaxBuffer {
		w.cramped = true
	}
	return w.cramped
}

// raise raises the limit and returns it. As far as spare allows, the size grows to windowTrips times
// what is read in a round trip at the pace since the last raise: a transfer that starts more than
// doubles its rate in each round trip. A window that was tight grows at least fourfold, because it
// is late already.
func (w *window) raise(read uint64, now time.Time, roundTrip time.Duration, spare *int) uint64 {
	grow := 0
	if took := now.Sub(w.marked); !w.marked.IsZero() {
		trips := max(took.Seconds(), time.Microsecond.Seconds()) / roundTrip.Seconds()
		grow = int(min(windowTrips*float64(read-w.mark)/trips, growMost*float64(w.size))) - w.size
	}
	if w.cramped {
		grow = max(grow, 3*w.size)
	}
	if grow = min(grow, *spare, MaxBuffer-w.size); grow > 0 {
		*spare -= grow
		w.size += grow
	}
	w.cramped = false
	w.mark, w.marked = read, now
	w.limit = max(w.limit, read+uint64(w.size))
	return w.limit
}

// grown returns what the window has taken out of spare.
func (w *window) grown() int { return w.size - FirstWindow }
