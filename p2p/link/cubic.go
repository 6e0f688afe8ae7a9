package link

import (
	"math"
	"time"
)

// cubic is CUBIC (RFC 9438) with HyStart++ (RFC 9406, without its
// conservative phase: slow start simply ends), in bytes.
type cubic struct {
	packet   float64 // bytes
	cwnd     float64
	ssthresh float64
	recovery time.Time // packets sent until then are of the last congestion event

	epoch  time.Time     // when the current growth began; zero: not yet
	k      time.Duration // from epoch until the window is wMax again
	wMax   float64
	wEst   float64 // what Reno would have (section 4.3)
	origin float64

	round    time.Time // packets sent from then on end the round
	roundMin time.Duration
	lastMin  time.Duration
	samples  int
}

const (
	cubicC       = 0.4 // packets per s³
	cubicBeta    = 0.7
	cubicAlpha   = 3 * (1 - cubicBeta) / (1 + cubicBeta)
	hyMinSamples = 8
	hyMinChange  = 4 * time.Millisecond
	hyMaxChange  = 16 * time.Millisecond
)

func newCubic(packet int) *cubic {
	p := float64(packet)
	return &cubic{packet: p, cwnd: initialWindow * p, ssthresh: math.Inf(1)}
}

func (c *cubic) window() int { return int(c.cwnd) }

func (c *cubic) slowStart() bool { return c.cwnd < c.ssthresh }

// rate spreads a window over a round trip, with room to grow (RFC 9002,
// section 7.7).
func (c *cubic) rate(r *rtt) float64 {
	if !r.sampled {
		return 0
	}
	gain := 1.25
	if c.slowStart() {
		gain = 2
	}
	return gain * c.cwnd / r.smoothed.Seconds()
}

func (c *cubic) acked(now, sent time.Time, bytes int, limited bool, r *rtt) {
	if c.slowStart() {
		c.watchDelay(now, sent, r)
	}
	if !sent.After(c.recovery) || !limited {
		return // in recovery, or the window was not what held us back
	}
	if c.slowStart() {
		c.cwnd = min(c.cwnd+float64(bytes), maxWindow)
		return
	}
	c.grow(now, float64(bytes), r)
}

// watchDelay ends slow start when the round trip has grown over a round.
func (c *cubic) watchDelay(now, sent time.Time, r *rtt) {
	if sent.After(c.round) {
		c.lastMin, c.roundMin, c.samples, c.round = c.roundMin, 0, 0, now
	}
	if c.roundMin == 0 || r.adjusted < c.roundMin {
		c.roundMin = r.adjusted
	}
	c.samples++
	if c.lastMin > 0 && c.samples >= hyMinSamples &&
		c.roundMin >= c.lastMin+min(max(c.lastMin/8, hyMinChange), hyMaxChange) {
		c.ssthresh = c.cwnd
	}
}

// grow is congestion avoidance, section 4.
func (c *cubic) grow(now time.Time, bytes float64, r *rtt) {
	if c.epoch.IsZero() {
		c.epoch, c.origin, c.wEst = now, c.cwnd, c.cwnd
		c.wMax = max(c.wMax, c.cwnd)
		c.k = time.Duration(math.Cbrt((c.wMax-c.cwnd)/c.packet/cubicC) * float64(time.Second))
	}
	alpha := cubicAlpha
	if c.wEst >= c.wMax {
		alpha = 1
	}
	c.wEst += alpha * bytes / c.cwnd * c.packet
	t := (now.Sub(c.epoch) + r.estimate() - c.k).Seconds()
	target := c.wMax + cubicC*t*t*t*c.packet
	target = min(max(target, c.cwnd), 1.5*c.cwnd)
	c.cwnd = max(c.cwnd+(target-c.cwnd)*bytes/c.cwnd, c.wEst)
	c.cwnd = min(c.cwnd, maxWindow)
}

func (c *cubic) lost(now, sent time.Time, _ int) {
	if !sent.After(c.recovery) {
		return // of the same event
	}
	c.recovery, c.epoch = now, time.Time{}
	if c.cwnd < c.wMax {
		c.wMax = c.cwnd * (1 + cubicBeta) / 2 // fast convergence, section 4.7
	} else {
		c.wMax = c.cwnd
	}
	c.cwnd = max(c.cwnd*cubicBeta, minWindow*c.packet)
	c.ssthresh = c.cwnd
}

func (c *cubic) stalled() {
	c.epoch = time.Time{}
	c.ssthresh = max(c.cwnd*cubicBeta, minWindow*c.packet)
	c.cwnd = minWindow * c.packet
}
