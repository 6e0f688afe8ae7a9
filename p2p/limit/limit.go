// Package limit bounds what others can make a program do, by rate and by share of a source, in fixed memory.
// Times are durations since some start, so changes of the clock do no harm.
package limit

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// A Rate is an average number of events a second, and how many may come at once.
type Rate struct {
	PerSecond float64
	Burst     int
}

// A Pace is the state of one rate limit by the generic cell rate algorithm (ITU-T I.371): the time at which the
// limit is idle again. The zero value allows a full burst.
type Pace time.Duration

// Allow reports whether cost units are available at now, and uses them if so.
func (p *Pace) Allow(now time.Duration, r Rate, cost int) bool {
	unit := float64(time.Second) / r.PerSecond
	idle := max(time.Duration(*p), now) + time.Duration(float64(cost)*unit)
	if idle-now > time.Duration(float64(r.Burst)*unit) {
		return false
	}
	*p = Pace(idle)
	return true
}

// Remaining returns how many units are available at now.
func (p *Pace) Remaining(now time.Duration, r Rate) int {
	unit := float64(time.Second) / r.PerSecond
	used := max(time.Duration(*p)-now, 0)
	return int(max(float64(r.Burst)-float64(used)/unit, 0))
}

// Sources limits events by source in fixed memory. Each source has a slot in each of two rows, shared with
// others that hash to it, and is allowed an event if either slot has room. To shut out another source an
// attacker has to exhaust both of its slots, which a secret hash chooses. It is safe for concurrent use.
type Sources struct {
	rate  Rate
	seeds [2]maphash.Seed
	mu    sync.Mutex // guards slots
	slots [2][]Pace
}

// NewSources returns a limit of r for each source, with the given number of slots in a row.
func NewSources(r Rate, slots int) *Sources {
	return &Sources{
		rate: r, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		slots: [2][]Pace{make([]Pace, slots), make([]Pace, slots)},
	}
}

// Allow counts an event of a source and reports whether it is within the limit.
func (l *Sources) Allow(now time.Duration, from netip.Addr) bool {
	net := SourceOf(from)
	l.mu.Lock()
	defer l.mu.Unlock()
	ok := false
	for i := range l.slots {
		slot := maphash.Comparable(l.seeds[i], net) % uint64(len(l.slots[i]))
		ok = l.slots[i][slot].Allow(now, l.rate, 1) || ok
	}
	return ok
}

const slotsPerRow = 1 << 15

// Counts counts items by source in fixed memory. As in a count-min sketch, the true number is at most that of
// either slot. It is not safe for concurrent use.
type Counts struct {
	seeds [2]maphash.Seed
	slots [2][slotsPerRow]int32
}

// NewCounts returns empty Counts.
func NewCounts() *Counts {
	return &Counts{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
}

// Add adds n to the count of a source.
func (c *Counts) Add(from netip.Addr, n int32) {
	for i := range c.slots {
		c.slots[i][maphash.Comparable(c.seeds[i], SourceOf(from))%slotsPerRow] += n
	}
}

// Count returns at least the number of a source's items.
func (c *Counts) Count(from netip.Addr) int {
	net := SourceOf(from)
	return int(min(c.slots[0][maphash.Comparable(c.seeds[0], net)%slotsPerRow],
		c.slots[1][maphash.Comparable(c.seeds[1], net)%slotsPerRow]))
}

// SourceOf returns the source of an address: an IPv4 address, or the /64 of an IPv6 address, within which a host
// may choose freely.
func SourceOf(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a
	}
	b := a.As16()
	clear(b[8:])
	return netip.AddrFrom16(b)
}
