package natlab

import (
	"math/rand/v2"
	"time"
)

// A path is one direction of a link. It belongs to the segment's mutex.
type path struct {
	link Link
	shut bool
	rng  *rand.Rand
	free time.Time // when all that is queued has gone out
	last time.Time // when the last one arrives, which later ones do not overtake
	lost int       // packets that did not pass
}

func newPath(l Link) path {
	return path{link: l, rng: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))}
}

// pass sends a packet of n bytes at now, and calls emit with the time at which it
// arrives: twice for what is doubled, not at all for what is lost. Calls come in the
// order of time.
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

// admit has a packet wait for its turn, and tells when it has left. A policer is a
// queue that keeps the account but nobody waiting.
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
