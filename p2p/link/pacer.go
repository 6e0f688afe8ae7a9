package link

import "time"

const (
	// burstTime bounds a burst: what the pace gives in that time, enough to
	// outlast the lateness of a timer.
	burstTime  = time.Millisecond
	burstFloor = 10 // packets, so that a new path starts at once
)

// A pacer is a bucket of bytes that fills at the path's pace.
type pacer struct {
	tokens float64
	last   time.Time
}

// fill brings the bucket up to now. packet is the size of a full packet.
func (p *pacer) fill(now time.Time, rate float64, packet int) {
	burst := max(rate*burstTime.Seconds(), float64(burstFloor*packet))
	if p.last.IsZero() || rate == 0 {
		p.tokens = burst
	} else {
		p.tokens = min(burst, p.tokens+rate*now.Sub(p.last).Seconds())
	}
	p.last = now
}

// spend takes n bytes out. The bucket may go below zero by one packet.
func (p *pacer) spend(n int) { p.tokens -= float64(n) }

// ready reports whether a packet may be sent.
func (p *pacer) ready() bool { return p.tokens > 0 }

// next returns when a packet may be sent.
func (p *pacer) next(rate float64) time.Time {
	if p.tokens > 0 || rate == 0 {
		return p.last
	}
	return p.last.Add(time.Duration(-p.tokens/rate*float64(time.Second)) + time.Microsecond)
}
