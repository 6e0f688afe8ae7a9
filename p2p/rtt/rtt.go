// Package rtt estimates a path's round-trip time after RFC 9002, section 5.
//
// It trusts the delay that a peer reports for an acknowledgement up to MaxAckDelay, and never
// below the shortest round trip that was measured.
package rtt

import "time"

// Times of RFC 9002, section 6.2 and appendix A.2.
const (
	Initial     = 250 * time.Millisecond // before the first sample
	Granularity = time.Millisecond       // of timers
	MaxAckDelay = 25 * time.Millisecond  // how long an ACK may be held back
)

// An Estimator estimates the round-trip time of a path. The zero value has no sample yet.
type Estimator struct {
	Latest   time.Duration
	Adjusted time.Duration // Latest without the peer's delay
	Smoothed time.Duration
	Variance time.Duration
	Min      time.Duration
	Sampled  bool
	Samples  uint64 // number of samples
}

// Sample adds a measurement, of which the peer spent delay waiting.
func (r *Estimator) Sample(d, delay time.Duration) {
	d = max(d, time.Microsecond)
	r.Latest = d
	r.Samples++
	if !r.Sampled {
		r.Adjusted, r.Smoothed, r.Variance, r.Min, r.Sampled = d, d, d/2, d, true
		return
	}
	r.Min = min(r.Min, d)
	if delay = min(delay, MaxAckDelay); d-delay >= r.Min {
		d -= delay
	}
	r.Adjusted = d
	diff := r.Smoothed - d
	if diff < 0 {
		diff = -diff
	}
	r.Variance += (diff - r.Variance) / 4
	r.Smoothed += (d - r.Smoothed) / 8
}

// ResetMin makes the last measurement the shortest.
func (r *Estimator) ResetMin() { r.Min = r.Latest }

// Estimate returns the smoothed round-trip time, Initial before the first sample.
func (r *Estimator) Estimate() time.Duration {
	if !r.Sampled {
		return Initial
	}
	return r.Smoothed
}

// ProbeTimeout returns the probe timeout of RFC 9002, section 6.2.1, without back-off.
func (r *Estimator) ProbeTimeout() time.Duration {
	if !r.Sampled {
		return 2 * Initial
	}
	return r.Smoothed + max(4*r.Variance, Granularity) + MaxAckDelay
}
