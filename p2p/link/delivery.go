package link

import "time"

// delivery measures how fast a path delivers, after
// draft-cheng-iccrg-delivery-rate-estimation: from the packet that was delivered
// last when a packet was sent to the moment when that packet is, what was
// delivered is divided by the longer of the two times that it took to send it
// and to have it acknowledged. All times are from began.
type delivery struct {
	began     time.Time
	bytes     uint64        // delivered so far
	at        time.Duration // when the last of them were
	firstSent time.Duration // when the packet was sent by which they were
	idleUntil uint64        // samples up to so many bytes say what there was to send
}

// A flight is what a congestion controller notes of a packet when it is sent.
type flight struct {
	delivered   uint64
	deliveredAt time.Duration
	firstSent   time.Duration
	idle        bool // there was not enough to send
	class       phaseClass
	less        bool // it was sent more slowly than packets arrive
	held        bool // the controller kept less in flight than the path holds
}

func (d *delivery) since(now time.Time) time.Duration { return now.Sub(d.began) }

func (d *delivery) sent(now time.Time, p *sentPacket, inFlight int) {
	if inFlight == 0 {
		d.at, d.firstSent = d.since(now), d.since(now)
	}
	p.flight.delivered, p.flight.deliveredAt, p.flight.firstSent = d.bytes, d.at, d.firstSent
	p.flight.idle = d.idleUntil > d.bytes
}

func (d *delivery) idle(inFlight int) { d.idleUntil = d.bytes + uint64(inFlight) + 1 }

// acked counts a packet and returns the rate that it shows, in bytes per
// second, or 0 where that was over less than a round trip.
func (d *delivery) acked(now time.Time, p *sentPacket, roundTrip time.Duration) float64 {
	d.bytes += uint64(p.size)
	d.at = d.since(now)
	d.firstSent = d.since(p.time)
	took := max(d.since(p.time)-p.flight.firstSent, d.at-p.flight.deliveredAt)
	if took <= 0 || took < roundTrip {
		return 0
	}
	return float64(d.bytes-p.flight.delivered) / took.Seconds()
}

// maxRounds is a maximum over the last rounds, of which it keeps one value each.
type maxRounds struct {
	best [rateRounds]float64
	at   int
}

const rateRounds = 10

func (m *maxRounds) add(v float64) { m.best[m.at] = max(m.best[m.at], v) }

func (m *maxRounds) next() {
	m.at = (m.at + 1) % len(m.best)
	m.best[m.at] = 0
}

// bound cuts off what is above v.
func (m *maxRounds) bound(v float64) {
	for i := range m.best {
		m.best[i] = min(m.best[i], v)
	}
}

func (m *maxRounds) latest() float64 { return m.best[m.at] }

func (m *maxRounds) max() (v float64) {
	for _, b := range m.best {
		v = max(v, b)
	}
	return v
}
