package link

import (
	"time"

	"p2ptool/p2p/udp"
)

const (
	// burstTime bounds a burst: what the pace gives in that time, enough to
	// outlast the lateness of a timer.
	burstTime  = time.Millisecond
	burstFloor = 10 // packets, so that a new path starts at once
)

// A pacer is a bucket of bytes that fills at the path's pace.
type pacer struct {
	tokens  float64
	last    time.Time
	awaited time.Time // when it was worth sending again; zero: nobody waited for that
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

// late reports, once, that the pace was waited for and the host came much later
// than it was time, so that what the bucket could not hold was not sent.
func (p *pacer) late(now time.Time) bool {
	late := !p.awaited.IsZero() && now.Sub(p.awaited) > burstTime
	p.awaited = time.Time{}
	return late
}

// await returns when it is worth sending again, and notes that this is waited for.
func (p *pacer) await(rate float64) time.Time {
	p.awaited = p.next(rate)
	return p.awaited
}

// spend takes n bytes out. The bucket may go below zero by one packet.
func (p *pacer) spend(n int) { p.tokens -= float64(n) }

// ready reports whether a packet may be sent.
func (p *pacer) ready() bool { return p.tokens > 0 }

// next returns when it is worth sending again: a packet if the pace is slow,
// else a batch, or half of the burst that the bucket holds.
func (p *pacer) next(rate float64) time.Time {
	if rate == 0 {
		return p.last
	}
	worth := min(rate*burstTime.Seconds()/2, udp.MaxBatch)
	return p.last.Add(time.Duration((worth-p.tokens)/rate*float64(time.Second)) + time.Microsecond)
}
