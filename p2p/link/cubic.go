package link

import (
	"math"
	"time"
)

// cubic is CUBIC (RFC 9438) with HyStart++, in bytes.
type cubic struct {
	packet   float64 // bytes
	cwnd     float64
	ssthresh float64
	delay    hystart
	recovery time.Time // packets sent until then are of the last congestion event

	epoch  time.Time     // when the current growth began; zero: not yet
	idle   time.Time     // since when the window was not what held us back; zero: it is
	k      time.Duration // from epoch until the window is wMax again
	wMax   float64
	wEst   float64 // what Reno would have (section 4.3)
	before *cubic  // before the last congestion event, while that may prove wrong
	losses int     // in that event, not yet regained
}

const (
	cubicC     = 0.4 // packets per s³
	cubicBeta  = 0.7
	cubicAlpha = 3 * (1 - cubicBeta) / (1 + cubicBeta)
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
	slow := c.slowStart()
	if slow && c.delay.acked(now, sent, r) {
		c.ssthresh, c.delay = c.cwnd, hystart{}
	}
	switch {
	case !sent.After(c.recovery):
		return // in recovery
	case !limited: // the sender had nothing more, so nothing was learned
		if c.idle.IsZero() {
			c.idle = now
		}
		return
	case slow:
		c.cwnd = min(c.cwnd+c.delay.growth(float64(bytes)), maxWindow)
	default:
		c.grow(now, float64(bytes), r)
	}
	c.idle = time.Time{}
}

// grow is congestion avoidance, section 4.
func (c *cubic) grow(now time.Time, bytes float64, r *rtt) {
	if c.epoch.IsZero() {
		c.epoch, c.wEst = now, c.cwnd
		c.wMax = max(c.wMax, c.cwnd)
		c.k = time.Duration(math.Cbrt((c.wMax-c.cwnd)/c.packet/cubicC) * float64(time.Second))
	} else if !c.idle.IsZero() {
		c.epoch = c.epoch.Add(now.Sub(c.idle)) // section 4.2: that time does not count
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
		c.losses++ // of the same event
		return
	}
	before := *c
	before.before = nil
	c.before, c.losses = &before, 1
	c.recovery, c.epoch, c.idle, c.delay = now, time.Time{}, time.Time{}, hystart{}
	if c.cwnd < c.wMax {
		c.wMax = c.cwnd * (1 + cubicBeta) / 2 // fast convergence, section 4.7
	} else {
		c.wMax = c.cwnd
	}
	c.cwnd = max(c.cwnd*cubicBeta, minWindow*c.packet)
	c.ssthresh = c.cwnd
}

// regained takes a congestion event back when all of its packets have arrived
// after all (section 4.9).
func (c *cubic) regained(sent time.Time, _ int) {
	if c.before == nil || sent.After(c.recovery) || !sent.After(c.before.recovery) {
		return
	}
	if c.losses--; c.losses > 0 {
		return
	}
	window := c.cwnd
	*c = *c.before
	c.cwnd = max(c.cwnd, window)
}

// stalled leaves the threshold at what the loss that it follows has made of
// it, so that the way back is a fast one.
func (c *cubic) stalled() {
	c.epoch, c.before = time.Time{}, nil
	c.cwnd = minWindow * c.packet
}
