package congestion

import "time"

// A deliveryRate measures how fast a path delivers (draft-cheng-iccrg-delivery-rate-estimation).
// A sample covers the bytes delivered from the time a packet was sent until it was delivered,
// divided by the time it took to send them or to acknowledge them, whichever is longer. Times are
// from began.
type deliveryRate struct {
	began     time.Time
	bytes     uint64        // delivered so far
	at        time.Duration // when the last of them were
	firstSent time.Duration // when those were sent
	idleUntil uint64        // samples up to this byte were limited by what there was to send
}

// A Flight is what a controller notes when a packet is sent.
type Flight struct {
	delivered   uint64
	deliveredAt time.Duration
	firstSent   time.Duration
	idle        bool // there was not enough to send
	class       phaseClass
	less        bool // it was sent more slowly than packets arrived
	held        bool // the controller kept less in flight than the path holds
}

func (d *deliveryRate) since(now time.Time) time.Duration { return now.Sub(d.began) }

func (d *deliveryRate) sent(now time.Time, p *Sent, inFlight int) {
	if inFlight == 0 {
		d.at, d.firstSent = d.since(now), d.since(now)
	}
	p.Flight.delivered, p.Flight.deliveredAt, p.Flight.firstSent = d.bytes, d.at, d.firstSent
	p.Flight.idle = d.idleUntil > d.bytes
}

func (d *deliveryRate) idle(inFlight int) { d.idleUntil = d.bytes + uint64(inFlight) + 1 }

// acked counts a packet and returns the rate of its sample in bytes per second, 0 if the sample
// covers less than a round trip.
func (d *deliveryRate) acked(now time.Time, p *Sent, roundTrip time.Duration) float64 {
	d.bytes += uint64(p.Size)
	d.at = d.since(now)
	d.firstSent = d.since(p.Time)
	took := max(d.since(p.Time)-p.Flight.firstSent, d.at-p.Flight.deliveredAt)
	if took <= 0 || took < roundTrip {
		return 0
	}
	return float64(d.bytes-p.Flight.delivered) / took.Seconds()
}

// maxRounds is the maximum over the last ten rounds. It keeps one value for each.
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
