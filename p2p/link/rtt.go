package link

import "time"

const (
	initialRTT  = 250 * time.Millisecond // before the first sample
	granularity = time.Millisecond       // of timers
	maxAckDelay = 25 * time.Millisecond  // how long an ACK may be held back
)

// rtt estimates the round trip of a path after RFC 9002, section 5. Its zero
// value has no sample yet.
type rtt struct {
	latest   time.Duration
	adjusted time.Duration // latest, without the other side's delay
	smoothed time.Duration
	variance time.Duration
	min      time.Duration
	sampled  bool
	samples  uint64 // how many there were
}

// sample takes a measurement, of which delay was spent waiting at the other
// side.
func (r *rtt) sample(d, delay time.Duration) {
	d = max(d, time.Microsecond)
	r.latest = d
	r.samples++
	if !r.sampled {
		r.adjusted, r.smoothed, r.variance, r.min, r.sampled = d, d, d/2, d, true
		return
	}
	r.min = min(r.min, d)
	if delay = min(delay, maxAckDelay); d-delay >= r.min {
		d -= delay
	}
	r.adjusted = d
	diff := r.smoothed - d
	if diff < 0 {
		diff = -diff
	}
	r.variance += (diff - r.variance) / 4
	r.smoothed += (d - r.smoothed) / 8
}

// estimate returns the smoothed round trip, or the guess made of none.
func (r *rtt) estimate() time.Duration {
	if !r.sampled {
		return initialRTT
	}
	return r.smoothed
}

// probeTimeout is the PTO of RFC 9002, section 6.2.1, without back-off.
func (r *rtt) probeTimeout() time.Duration {
	if !r.sampled {
		return 2 * initialRTT
	}
	return r.smoothed + max(4*r.variance, granularity) + maxAckDelay
}
