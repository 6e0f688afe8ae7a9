package congestion

import (
	"time"

	"p2ptool/p2p/udp"
)

const (
	// burstTime bounds a burst to what the pace allows in that time: enough to make up for a
	// late timer.
	burstTime  = time.Millisecond
	burstFloor = 10 // packets, so that a new path starts at once
)

// A Pacer is a token bucket of bytes that fills at the pacing rate.
type Pacer struct {
	tokens  float64
	last    time.Time
	awaited time.Time // when sending was to go on; zero: nothing waited
}

// Fill adds what came in since the last call, at a rate in bytes per second. packet is the size of a
// full packet.
func (p *Pacer) Fill(now time.Time, rate float64, packet int) {
	burst := max(rate*burstTime.Seconds(), float64(burstFloor*packet))
	if p.last.IsZero() || rate == 0 {
		p.tokens = burst
	} else {
		p.tokens = min(burst, p.tokens+rate*now.Sub(p.last).Seconds())
	}
	p.last = now
}

// Late reports, once, that the host came back from waiting for the pace so late that the bucket
// overflowed: less was sent than the pace allowed.
func (p *Pacer) Late(now time.Time) bool {
	late := !p.awaited.IsZero() && now.Sub(p.awaited) > burstTime
	p.awaited = time.Time{}
	return late
}

// Await returns when sending should go on, and notes that the caller waits for that.
func (p *Pacer) Await(rate float64) time.Time {
	p.awaited = p.next(rate)
	return p.awaited
}

// Spend takes n bytes out. The bucket may fall below zero by one packet.
func (p *Pacer) Spend(n int) { p.tokens -= float64(n) }

// Ready reports whether a packet may be sent.
func (p *Pacer) Ready() bool { return p.tokens > 0 }

// next returns when there is enough for a packet if the pace is slow, else for a batch or half a
// burst.
func (p *Pacer) next(rate float64) time.Time {
	if rate == 0 {
		return p.last
	}
	worth := min(rate*burstTime.Seconds()/2, udp.MaxBatch)
	return p.last.Add(time.Duration((worth-p.tokens)/rate*float64(time.Second)) + time.Microsecond)
}
