package link

import (
	"math"
	"time"
)

// HyStart++ (RFC 9406): the round trip grows before packets are lost.
const (
	hyMinSamples  = 8
	hyMinChange   = 4 * time.Millisecond
	hyMaxChange   = 16 * time.Millisecond
	hySlowGrowth  = 4 // the window grows so much slower while in doubt
	hyDoubtRounds = 5
)

const never = time.Duration(math.MaxInt64)

// hystart watches the round trip in slow start and tells when that is to
// end: after a few rounds of doubt, in which a queue that was but a moment's
// shows itself as such. Its zero value is ready.
type hystart struct {
	began    time.Time // the round: packets sent from then on end it
	min      time.Duration
	lastMin  time.Duration
	samples  int
	seen     uint64        // samples of the round trip
	baseline time.Duration // that made us doubt; 0: no doubt
	rounds   int           // of doubt
}

// acked takes the acknowledgement of a packet sent at sent and reports whether
// slow start is to end.
func (h *hystart) acked(now, sent time.Time, r *rtt) (end bool) {
	if h.began.IsZero() || sent.After(h.began) {
		if h.baseline > 0 {
			h.rounds++
		}
		h.lastMin, h.min, h.samples, h.began = h.min, never, 0, now
		if h.rounds >= hyDoubtRounds {
			return true
		}
	}
	if r.samples == h.seen {
		return false
	}
	h.seen = r.samples
	h.samples++
	h.min = min(h.min, r.adjusted)
	if h.samples >= hyMinSamples {
		h.judge()
	}
	return false
}

func (h *hystart) judge() {
	switch {
	case h.baseline > 0 && h.min < h.baseline:
		h.baseline, h.rounds = 0, 0
	case h.baseline == 0 && h.lastMin > 0 && h.lastMin < never:
		if h.min >= h.lastMin+min(max(h.lastMin/8, hyMinChange), hyMaxChange) {
			h.baseline = h.min
		}
	}
}

// growth returns by how many bytes the window grows for so many acknowledged.
func (h *hystart) growth(bytes float64) float64 {
	if h.baseline > 0 {
		return bytes / hySlowGrowth
	}
	return bytes
}
