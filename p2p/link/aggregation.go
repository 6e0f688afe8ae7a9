package link

import "time"

// aggregation measures how much more is acknowledged at once than the rate would
// give: because a host was paused, or a network that sends in bursts held packets or
// ACKs up. While as much is not yet acknowledged, so much more has to be in flight
// for the path to be kept busy (draft-ietf-ccwg-bbr, "BBR.extra_acked").
type aggregation struct {
	began time.Duration // when more began to be acknowledged than the rate gives
	bytes float64       // that were since
	extra maxRounds
}

// aggregateMost bounds the extra: what the rate gives in that time.
const aggregateMost = 25 * time.Millisecond

// acked notes that n bytes were acknowledged at t, at a rate in bytes per second.
func (a *aggregation) acked(t time.Duration, n int, rate float64) {
	expected := rate * (t - a.began).Seconds()
	if a.bytes <= expected {
		a.began, a.bytes, expected = t, 0, 0
	}
	a.bytes += float64(n)
	a.extra.add(min(a.bytes-expected, rate*aggregateMost.Seconds()))
}
