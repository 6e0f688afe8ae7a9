package natlab

import (
	"math/rand/v2"
	"time"
)

// A Link is what the way between a device and its segment does to packets, in
// each direction for itself: a round trip takes twice the delay.
type Link struct {
	Delay  time.Duration // one way
	Jitter time.Duration // added to Delay, evenly between 0 and this; keeps the order
	Loss   float64       // the part of packets that is lost, 0 to 1
	Rate   int           // bytes of IP packets a second; 0: without limit
	Queue  int           // bytes that may wait for their turn; 0: what Rate sends in 100 ms
	MTU    int           // the longest IP packet that passes, in bytes; 0: any. No ICMP is sent
}

// defaultDelay is what the access links of the internet have at first: without
// any, the races of simultaneous opening stay hidden.
const defaultDelay = 3 * time.Millisecond

func (l Link) queue() int {
	if l.Queue > 0 {
		return l.Queue
	}
	return l.Rate / 10
}

// A path is one direction of a link. It belongs to the segment's mutex.
type path struct {
	link Link
	shut bool
	free time.Time // when all that is queued has gone out
	last time.Time // when the last one arrives
	lost int       // packets that did not pass
}

// pass tells when a packet of n bytes that is sent at now arrives; ok is false
// if it does not.
func (p *path) pass(now time.Time, n int) (at time.Time, ok bool) {
	if at, ok = p.admit(now, n); !ok {
		p.lost++
	}
	return at, ok
}

func (p *path) admit(now time.Time, n int) (at time.Time, ok bool) {
	if p.shut || p.link.MTU > 0 && n > p.link.MTU {
		return now, false
	}
	left := now
	if rate := float64(p.link.Rate); rate > 0 {
		if p.free.Before(now) {
			p.free = now
		}
		if waiting := p.free.Sub(now).Seconds() * rate; int(waiting)+n > p.link.queue() {
			return now, false
		}
		p.free = p.free.Add(time.Duration(float64(n) / rate * float64(time.Second)))
		left = p.free
	}
	if p.link.Loss > 0 && rand.Float64() < p.link.Loss {
		return now, false
	}
	at = left.Add(p.link.Delay)
	if p.link.Jitter > 0 {
		at = at.Add(rand.N(p.link.Jitter))
	}
	if at.Before(p.last) {
		at = p.last
	}
	p.last = at
	return at, true
}
