package link

import "time"

const (
	dropSlots   = 8                     // slots that are remembered
	dropSlot    = 25 * time.Millisecond // the shortest slot; a quarter of a round trip if that is longer
	dropTrip    = 4                     // slots of a round trip, the fewest that show a drop
	dropPackets = 6                     // delivered packets, the fewest that do
	dropShare   = 0.3                   // of the known rate: what delivers more is left to the filter
	dropExcess  = 1.0 / 3               // of the packets lost beyond random loss: more than the path carries was sent
	dropSteady  = 2                     // the two halves of the slots differ by less than this factor
	restSlots   = 2 * dropSlots         // after a drop, until losses may show another
)

// A rateDrop notices that a path suddenly delivers less than a third of its known
// rate. The maximum filter of the rate takes ten rounds to notice: when a queue
// fills at the old rate, a round takes many round trips of the empty path, and
// when the queue overflows nearly all of ten windows is lost. Both keep a chat
// line from getting through for seconds.
//
// It divides time into slots. What the newest slots delivered is the path's rate
// if the sender always had enough in flight, or if much of what it sent was
// lost, and if the rate was steady: outages, pauses of a host, and slots with both
// the old and the new rate are not.
//
// It also remembers what was known of random loss before, because right after a drop
// nearly everything is lost, however slow the sender believes it is.
type rateDrop struct {
	slots  [dropSlots]rateSlot
	at     int           // the current slot
	filled int           // slots before it
	began  time.Duration // of the current slot
	last   time.Duration // time of the last drop; packets sent before it say nothing
	rest   int           // slots until losses may show a drop again
	told   bool          // the link knows of the last drop
}

// A rateSlot is what happened in a slot.
type rateSlot struct {
	took            time.Duration
	bytes, lost     float64 // bytes delivered and lost
	packets, misses float64 // packets delivered and lost
	limited         bool    // the sender could have had more in flight
	before          chance  // when the slot began
}

func (s *rateSlot) add(o *rateSlot) {
	s.took += o.took
	s.bytes += o.bytes
	s.lost += o.lost
	s.packets += o.packets
	s.misses += o.misses
	s.limited = s.limited || o.limited
}

func (s *rateSlot) rate() float64 { return s.bytes / s.took.Seconds() }

// delivered notes a delivered packet.
func (d *rateDrop) delivered(p *sentPacket) {
	s := &d.slots[d.at]
	s.bytes += float64(p.size)
	s.packets++
	s.limited = s.limited || p.flight.idle || p.flight.held
}

// lost notes a lost packet.
func (d *rateDrop) lost(p *sentPacket) {
	s := &d.slots[d.at]
	s.lost += float64(p.size)
	s.misses++
}

// tick ends the current slot if it has lasted long enough at t, and reports
// whether it has. c is what is known of random loss.
func (d *rateDrop) tick(t, roundTrip time.Duration, c *chance) bool {
	s := &d.slots[d.at]
	if s.took = t - d.began; s.took < max(roundTrip/dropTrip, dropSlot) {
		return false
	}
	d.at = (d.at + 1) % dropSlots
	d.filled = min(d.filled+1, dropSlots-1)
	d.rest = max(d.rest-1, 0)
	d.began = t
	d.slots[d.at] = rateSlot{before: *c}
	return true
}

// ago returns the n-th slot before the current one.
func (d *rateDrop) ago(n int) *rateSlot { return &d.slots[(d.at+dropSlots-n)%dropSlots] }

// dropped returns the rate to which the known rate has dropped, else 0.
func (d *rateDrop) dropped(known float64) float64 {
	var all rateSlot
	n := 0
	for n < d.filled && (n < dropTrip || all.packets < dropPackets) {
		n++
		all.add(d.ago(n))
	}
	rate := all.rate()
	if n < dropTrip || all.packets < dropPackets || rate >= dropShare*known || !d.steady(n) {
		return 0
	}
	if all.limited && !d.overrun(&all, known) {
		return 0
	}
	return rate
}

// overrun reports whether the slots show that more was sent than the path carries, which is
// about as much as the known rate.
func (d *rateDrop) overrun(all *rateSlot, known float64) bool {
	total := all.packets + all.misses
	excess := all.misses - d.before().value()*total
	sent := (all.bytes + all.lost) / all.took.Seconds()
	return d.rest == 0 && excess > dropExcess*total && sent >= known/2
}

// before returns what was known of random loss when the oldest slot began.
func (d *rateDrop) before() *chance { return &d.ago(d.filled).before }

// steady reports whether the older half of the last n slots delivered at about the
// rate of the newer.
func (d *rateDrop) steady(n int) bool {
	var newer, older rateSlot
	for i := 1; i <= n; i++ {
		if i <= n/2 {
			newer.add(d.ago(i))
		} else {
			older.add(d.ago(i))
		}
	}
	a, b := newer.rate(), older.rate()
	return a < dropSteady*b && b < dropSteady*a
}

// reset begins anew at t, after a drop.
func (d *rateDrop) reset(t time.Duration) { *d = rateDrop{began: t, last: t, rest: restSlots} }

// noteRate looks for a drop of the rate when a packet was delivered at t.
func (b *bbr) noteRate(p *sentPacket, t time.Duration) {
	b.drop.delivered(p)
	if !b.drop.tick(t, b.minTrip, &b.chance) || b.phase == phaseStart {
		return
	}
	if rate := b.drop.dropped(b.bandwidth()); rate > 0 {
		b.dropTo(rate, t)
	}
}

// dropTo takes the rate to which the path's has dropped for the path's rate. What is
// in flight beyond that is in a queue, which has to empty first.
func (b *bbr) dropTo(rate float64, t time.Duration) {
	if b.drop.rest == 0 { // else it was learned since the drop before
		b.chance = *b.drop.before()
	}
	b.drop.reset(t)
	b.rates.bound(rate)
	b.aggregated.extra.bound(rate * aggregateMost.Seconds())
	b.low, b.arriving = 0, rate
	b.enter(phaseDrain, t)
}

// sentBeforeDrop reports whether a packet was sent at a rate that the path has no longer.
func (b *bbr) sentBeforeDrop(p *sentPacket) bool { return b.delivery.since(p.time) < b.drop.last }

func (b *bbr) dropped() bool {
	news := b.drop.last > 0 && !b.drop.told
	b.drop.told = true
	return news
}
