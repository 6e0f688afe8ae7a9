package congestion

import "time"

const (
	fallSlots   = 8                     // slots that are remembered
	fallSlot    = 25 * time.Millisecond // the shortest slot; a quarter of a round trip if that is longer
	fallTrip    = 4                     // slots of a round trip, the fewest that show a fall
	fallPackets = 6                     // delivered packets, the fewest that do
	fallShare   = 0.3                   // of the known rate: what delivers more is left to the filter
	fallExcess  = 1.0 / 3               // of the packets lost beyond random loss: more than the path carries was sent
	fallSteady  = 2                     // the two halves of the slots differ by less than this factor
	restSlots   = 2 * fallSlots         // after a fall, until losses may show another
)

// A rateFall notices that a path suddenly delivers less than a third of its known
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
// It also remembers what was known of random loss before, because right after a fall
// nearly everything is lost, however slow the sender believes it is.
type rateFall struct {
	slots    [fallSlots]rateSlot
	at       int           // the current slot
	filled   int           // slots before it
	began    time.Duration // of the current slot
	last     time.Duration // time of the last fall; packets sent before it say nothing
	rest     int           // slots until losses may show a fall again
	reported bool          // RateFell has reported the last fall
}

// A rateSlot is what happened in a slot.
type rateSlot struct {
	took            time.Duration
	bytes, lost     float64    // bytes delivered and lost
	packets, misses float64    // packets delivered and lost
	limited         bool       // the sender could have had more in flight
	before          randomLoss // when the slot began
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
func (d *rateFall) delivered(p *Sent) {
	s := &d.slots[d.at]
	s.bytes += float64(p.Size)
	s.packets++
	s.limited = s.limited || p.Flight.idle || p.Flight.held
}

// lost notes a lost packet.
func (d *rateFall) lost(p *Sent) {
	s := &d.slots[d.at]
	s.lost += float64(p.Size)
	s.misses++
}

// tick ends the current slot if it has lasted long enough at t, and reports
// whether it has. c is what is known of random loss.
func (d *rateFall) tick(t, roundTrip time.Duration, c *randomLoss) bool {
	s := &d.slots[d.at]
	if s.took = t - d.began; s.took < max(roundTrip/fallTrip, fallSlot) {
		return false
	}
	d.at = (d.at + 1) % fallSlots
	d.filled = min(d.filled+1, fallSlots-1)
	d.rest = max(d.rest-1, 0)
	d.began = t
	d.slots[d.at] = rateSlot{before: *c}
	return true
}

// ago returns the n-th slot before the current one.
func (d *rateFall) ago(n int) *rateSlot { return &d.slots[(d.at+fallSlots-n)%fallSlots] }

// fellTo returns the rate to which the known rate has fallen, else 0.
func (d *rateFall) fellTo(known float64) float64 {
	var all rateSlot
	n := 0
	for n < d.filled && (n < fallTrip || all.packets < fallPackets) {
		n++
		all.add(d.ago(n))
	}
	rate := all.rate()
	if n < fallTrip || all.packets < fallPackets || rate >= fallShare*known || !d.steady(n) {
		return 0
	}
	if all.limited && !d.overrun(&all, known) {
		return 0
	}
	return rate
}

// overrun reports whether the slots show that more was sent than the path carries, which is
// about as much as the known rate.
func (d *rateFall) overrun(all *rateSlot, known float64) bool {
	total := all.packets + all.misses
	excess := all.misses - d.before().value()*total
	sent := (all.bytes + all.lost) / all.took.Seconds()
	return d.rest == 0 && excess > fallExcess*total && sent >= known/2
}

// before returns what was known of random loss when the oldest slot began.
func (d *rateFall) before() *randomLoss { return &d.ago(d.filled).before }

// steady reports whether the older half of the last n slots delivered at about the
// rate of the newer.
func (d *rateFall) steady(n int) bool {
	var newer, older rateSlot
	for i := 1; i <= n; i++ {
		if i <= n/2 {
			newer.add(d.ago(i))
		} else {
			older.add(d.ago(i))
		}
	}
	a, b := newer.rate(), older.rate()
	return a < fallSteady*b && b < fallSteady*a
}

// reset begins anew at t, after a fall.
func (d *rateFall) reset(t time.Duration) { *d = rateFall{began: t, last: t, rest: restSlots} }

// noteRate looks for a fall of the rate when a packet was delivered at t.
func (b *bbr) noteRate(p *Sent, t time.Duration) {
	b.fall.delivered(p)
	if !b.fall.tick(t, b.trip.min, &b.randomLoss) || b.phase == phaseStartup {
		return
	}
	if rate := b.fall.fellTo(b.bandwidth()); rate > 0 {
		b.fallTo(rate, t)
	}
}

// fallTo makes the rate to which the path's has fallen the path's rate. What is
// in flight beyond that is in a queue, which has to empty first.
func (b *bbr) fallTo(rate float64, t time.Duration) {
	if b.fall.rest == 0 { // else it was measured since the fall before
		b.randomLoss = *b.fall.before()
	}
	b.fall.reset(t)
	b.rates.bound(rate)
	b.aggregated.extra.bound(rate * aggregateMost.Seconds())
	b.low, b.arriving = 0, rate
	b.enter(phaseDrain, t)
}

// sentBeforeFall reports whether a packet was sent before the last fall.
func (b *bbr) sentBeforeFall(p *Sent) bool { return b.delivery.since(p.Time) < b.fall.last }

func (b *bbr) RateFell() bool {
	news := b.fall.last > 0 && !b.fall.reported
	b.fall.reported = true
	return news
}
