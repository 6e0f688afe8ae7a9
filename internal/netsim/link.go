package netsim

import (
	"math/rand/v2"
	"time"
)

// A Link is the properties of an access link in one direction. The zero value delivers everything
// at once.
type Link struct {
	Delay  time.Duration // one way
	Jitter time.Duration // added to Delay, uniform from 0 to this; keeps the order

	Loss  float64 // probability of loss, 0 to 1
	Burst float64 // mean length of a burst of losses; 0 or 1: independent losses

	Duplicate float64       // probability of duplication
	Reorder   float64       // probability of extra delay, so that later datagrams overtake
	ReorderBy time.Duration // the extra delay; 0: 3 ms

	Rate  int // payload bytes per second; 0: no limit
	Queue int // bytes; 0: 100 ms at Rate

	MTU int // the largest payload in bytes; 0: no limit
}

const (
	defaultReorderBy = 3 * time.Millisecond
	defaultQueueTime = 100 * time.Millisecond
	// grain is how far apart the datagrams of one batch may leave a link of limited rate and
	// still arrive together.
	grain = 500 * time.Microsecond
)

// plain reports whether the link treats all datagrams of a batch alike.
func (l Link) plain() bool {
	return l.Loss == 0 && l.Duplicate == 0 && l.Reorder == 0 && l.Rate == 0 && l.MTU == 0
}

func (l Link) queue() int {
	if l.Queue > 0 {
		return l.Queue
	}
	return int(float64(l.Rate) * defaultQueueTime.Seconds())
}

// A pipe is one direction of an access link.
type pipe struct {
	net  *Net
	out  func(packet) // the other end
	link Link
	shut bool // drops everything
	rng  *rand.Rand

	losing bool      // within a burst of losses
	free   time.Time // when the queue is empty
	last   time.Time // the latest arrival, which later packets do not overtake
}

// relink changes the link. Its queue drains at the new rate.
func (p *pipe) relink(l Link) {
	before, now := p.link.Rate, time.Now()
	p.link = l
	if before == l.Rate || !p.free.After(now) {
		return
	}
	factor := 0.0
	if l.Rate > 0 {
		factor = float64(before) / float64(l.Rate)
	}
	later := func(left time.Time) time.Duration {
		wait := max(left.Sub(now), 0)
		return time.Duration(float64(wait)*factor) - wait
	}
	p.free, p.last = p.free.Add(later(p.free)), time.Time{}
	for _, e := range p.net.events {
		if e.from != p {
			continue
		}
		d := later(e.left)
		e.left, e.at = e.left.Add(d), e.at.Add(d)
		if e.at.After(p.last) {
			p.last = e.at
		}
	}
	p.net.reorder()
}

// push sends a packet through the pipe.
func (p *pipe) push(pkt packet) {
	if p.shut {
		p.net.trace("cut", pkt)
		return
	}
	now := time.Now()
	if p.free.Before(now) {
		p.free = now
	}
	if p.link.plain() {
		p.emit(pkt, p.free)
		return
	}
	p.pushEach(now, pkt)
}

// pushEach decides on each datagram separately, and keeps datagrams together if possible.
func (p *pipe) pushEach(now time.Time, pkt packet) {
	var group run
	var twice []packet
	start, left := p.free, p.free
	for off := 0; off < len(pkt.data); off += pkt.size {
		d := pkt
		d.data = pkt.data[off:min(off+pkt.size, len(pkt.data))]
		if why := p.admit(now, len(d.data)); why != "" {
			p.net.trace(why, d)
			continue
		}
		if p.random(p.link.Reorder) {
			p.holdUp(d)
			continue
		}
		if len(group.data) > 0 && p.free.Sub(start) > grain {
			p.emitRun(pkt, group, left)
			group, start = run{}, p.free
		}
		group.add(pkt.data, off, len(d.data))
		left = p.free
		if p.random(p.link.Duplicate) {
			twice = append(twice, d)
		}
	}
	p.emitRun(pkt, group, left)
	for _, d := range twice {
		p.emit(d, left)
	}
}

// admit sends a datagram of n bytes, and returns why it does not arrive, or "".
func (p *pipe) admit(now time.Time, n int) (why string) {
	if p.link.MTU > 0 && n > p.link.MTU {
		return "over MTU"
	}
	if p.link.Rate > 0 {
		waiting := p.free.Sub(now).Seconds() * float64(p.link.Rate)
		if int(waiting)+n > p.link.queue() {
			return "queue full"
		}
		p.free = p.free.Add(time.Duration(float64(n) / float64(p.link.Rate) * float64(time.Second)))
	}
	if p.loses() {
		return "lost"
	}
	return ""
}

// loses decides on a loss with a two-state Markov chain (Gilbert 1960). One state loses everything
// and lasts Burst datagrams on average.
func (p *pipe) loses() bool {
	l := p.link
	if l.Burst <= 1 || l.Loss <= 0 || l.Loss >= 1 {
		return p.random(l.Loss)
	}
	if p.losing {
		p.losing = !p.random(1 / l.Burst)
	} else {
		p.losing = p.random(l.Loss / ((1 - l.Loss) * l.Burst))
	}
	return p.losing
}

func (p *pipe) random(of float64) bool { return of > 0 && p.rng.Float64() < of }

// emit schedules the arrival of a packet that leaves the queue at a time, after all earlier packets.
func (p *pipe) emit(pkt packet, left time.Time) {
	at := p.arrival(left)
	if at.Before(p.last) {
		at = p.last
	}
	p.last = at
	p.net.schedule(event{at: at, from: p, left: left, to: p.out, p: pkt})
}

// emitRun emits the datagrams of pkt that are in r.
func (p *pipe) emitRun(pkt packet, r run, left time.Time) {
	if pkt.data = r.data; len(pkt.data) > 0 {
		p.emit(pkt, left)
	}
}

// holdUp delays a packet so that later ones overtake it.
func (p *pipe) holdUp(pkt packet) {
	by := p.link.ReorderBy
	if by == 0 {
		by = defaultReorderBy
	}
	p.net.schedule(event{at: p.arrival(p.free).Add(by), from: p, left: p.free, to: p.out, p: pkt})
}

func (p *pipe) arrival(left time.Time) time.Time {
	at := left.Add(p.link.Delay)
	if p.link.Jitter > 0 {
		at = at.Add(time.Duration(p.rng.Int64N(int64(p.link.Jitter))))
	}
	return at
}

// A run collects pieces of one slice, and copies only if there are gaps between them.
type run struct {
	data  []byte
	start int  // where data begins in the slice
	owned bool // data is a copy
}

func (r *run) add(stretch []byte, off, n int) {
	switch {
	case len(r.data) == 0:
		r.data, r.start = stretch[off:off+n:off+n], off
	case !r.owned && off == r.start+len(r.data):
		r.data = stretch[r.start : off+n : off+n]
	default:
		if !r.owned {
			r.data = append(make([]byte, 0, len(stretch)), r.data...)
			r.owned = true
		}
		r.data = append(r.data, stretch[off:off+n]...)
	}
}
