package rendezvous

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// A Rate is so many events a second on average, and at most so many at once.
type Rate struct {
	PerSecond float64
	Burst     int
}

// A pace is the state of one rate limit by the generic cell rate algorithm
// (ITU-T I.371): the time at which it will be idle again. The zero value has
// its whole burst to give. Time here is what has passed since some start, so
// that the clock may be set without harm.
type pace time.Duration

// allow takes cost units where they are to be had at now.
func (p *pace) allow(now time.Duration, r Rate, cost int) bool {
	unit := float64(time.Second) / r.PerSecond
	idle := max(time.Duration(*p), now) + time.Duration(float64(cost)*unit)
	if idle-now > time.Duration(float64(r.Burst)*unit) {
		return false
	}
	*p = pace(idle)
	return true
}

// remaining returns how many units could be taken at now.
func (p *pace) remaining(now time.Duration, r Rate) int {
	unit := float64(time.Second) / r.PerSecond
	used := max(time.Duration(*p)-now, 0)
	return int(max(float64(r.Burst)-float64(used)/unit, 0))
}

const sourceSlots = 1 << 15

// A sourceLimit limits events by their source in fixed memory: each source
// has one slot in either of two rows, shared with whoever hashes to it, and is
// let through if one of them has room. Who wants to shut a source out has to
// exhaust both of its slots, which are under a secret hash.
type sourceLimit struct {
	rate  Rate
	seeds [2]maphash.Seed
	mu    sync.Mutex // guards slots
	slots [2][sourceSlots]pace
}

func newSourceLimit(r Rate) *sourceLimit {
	return &sourceLimit{rate: r, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
}

func (l *sourceLimit) allow(now time.Duration, from netip.Addr) bool {
	net := sourceOf(from)
	l.mu.Lock()
	defer l.mu.Unlock()
	ok := false
	for i := range l.slots {
		slot := maphash.Comparable(l.seeds[i], net) % sourceSlots
		ok = l.slots[i][slot].allow(now, l.rate, 1) || ok
	}
	return ok
}

// A sourceCount counts what is kept for each source, in fixed memory: as in a
// count-min sketch the true number is at most that of either slot.
type sourceCount struct {
	seeds [2]maphash.Seed
	slots [2][sourceSlots]int32
}

func newSourceCount() *sourceCount {
	return &sourceCount{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
}

func (c *sourceCount) add(from netip.Addr, n int32) {
	for i := range c.slots {
		c.slots[i][maphash.Comparable(c.seeds[i], sourceOf(from))%sourceSlots] += n
	}
}

// count returns at least the number of what is kept for the source.
func (c *sourceCount) count(from netip.Addr) int {
	net := sourceOf(from)
	return int(min(c.slots[0][maphash.Comparable(c.seeds[0], net)%sourceSlots],
		c.slots[1][maphash.Comparable(c.seeds[1], net)%sourceSlots]))
}

// sourceOf returns what is taken for one source: an IPv4 address, or the 64
// bits of an IPv6 network, within which a host may choose freely.
func sourceOf(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a
	}
	b := a.As16()
	clear(b[8:])
	return netip.AddrFrom16(b)
}
