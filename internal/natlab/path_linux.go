package natlab

import (
	"math/rand/v2"
	"time"
)

// A path is one direction of a link. The segment's mutex guards it.
type path struct {
	link Link
	shut bool
	rng  *rand.Rand
	free time.Time // when the queue is empty
	last time.Time // when the last packet arrives; later ones do not overtake it
	lost int       // packets that were dropped
}

func newPath(l Link) path {
	return path{link: l, rng: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))}
}

// pass sends a packet of n bytes at now, and calls emit with the time at which it arrives:
// twice for a duplicated packet, not at all for a lost one. Calls must be in order of time.
func (p *path) pass(now time.Time, n int, emit func(at time.Time)) {
	left, ok := p.admit(now, n)
	if !ok || p.chance(p.link.Loss) {
		p.lost++
		return
	}
	at := left.Add(p.link.Delay)
	if p.link.Jitter > 0 {
		at = at.Add(time.Duration(p.rng.Int64N(int64(p.link.Jitter))))
	}
	if p.chance(p.link.Reorder) {
		emit(at.Add(p.heldUp()))
		return
	}
	if at.Before(p.last) {
		at = p.last
	}
	p.last = at
	emit(at)
	if p.chance(p.link.Duplicate) {
		emit(at)
	}
}

// admit queues a packet and returns when it leaves the queue; ok is false if it is dropped. A
// policer keeps the same account, but delays no packet.
func (p *path) admit(now time.Time, n int) (left time.Time, ok bool) {
	if p.shut || p.link.MTU > 0 && n > p.link.MTU {
		return now, false
	}
	if p.link.Rate <= 0 {
		return now, true
	}
	free := p.free
	if free.Before(now) {
		free = now
	}
	free = free.Add(p.link.turn(n))
	if free.Sub(now) > p.link.wait() {
		return now, false
	}
	p.free = free
	if p.link.Policer {
		return now, true
	}
	return free, true
}

func (p *path) heldUp() time.Duration {
	if p.link.ReorderBy > 0 {
		return p.link.ReorderBy
	}
	return defaultReorderBy
}

func (p *path) chance(of float64) bool { return of > 0 && p.rng.Float64() < of }
