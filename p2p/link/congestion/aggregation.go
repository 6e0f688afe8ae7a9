package congestion

import "time"

// aggregation measures how much more is acknowledged at once than the rate accounts for: a host
// was paused, or a network that sends in bursts held packets or ACKs up. That much more has to
// be in flight to keep the path busy (draft-ietf-ccwg-bbr, "BBR.extra_acked").
type aggregation struct {
	began time.Duration // when more began to be acknowledged than the rate accounts for
	bytes float64       // acknowledged since
	extra maxRounds
}

// aggregateMost bounds the extra to what the rate delivers in that time.
const aggregateMost = 25 * time.Millisecond

// acked counts n bytes that were acknowledged at t while the rate is that many bytes per second.
func (a *aggregation) acked(t time.Duration, n int, rate float64) {
	expected := rate * (t - a.began).Seconds()
	if a.bytes <= expected {
		a.began, a.bytes, expected = t, 0, 0
	}
	a.bytes += float64(n)
	a.extra.add(min(a.bytes-expected, rate*aggregateMost.Seconds()))
}
