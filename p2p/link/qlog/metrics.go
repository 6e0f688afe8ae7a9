package qlog

import "time"

// Metrics are what loss detection and congestion control know of the path in use.
type Metrics struct {
	MinRTT, SmoothedRTT, LatestRTT, RTTVariance time.Duration

	Timeouts int // probe timeouts in a row
	Window   int // of congestion control, in bytes
	InFlight int // bytes
	Rate     int // of the pacer, in bits per second; 0: none
}

// Metrics logs those that have changed.
func (t *Trace) Metrics(now time.Time, path int, m Metrics) {
	old := t.last
	if m == old || !t.begin(now, "recovery:metrics_updated", path) {
		return
	}
	t.last = m
	for _, d := range []struct {
		name      string
		now, then time.Duration
	}{
		{"min_rtt", m.MinRTT, old.MinRTT},
		{"smoothed_rtt", m.SmoothedRTT, old.SmoothedRTT},
		{"latest_rtt", m.LatestRTT, old.LatestRTT},
		{"rtt_variance", m.RTTVariance, old.RTTVariance},
	} {
		if d.now != d.then {
			t.e.ms(d.name, d.now)
		}
	}
	for _, n := range []struct {
		name      string
		now, then int
	}{
		{"pto_count", m.Timeouts, old.Timeouts},
		{"congestion_window", m.Window, old.Window},
		{"bytes_in_flight", m.InFlight, old.InFlight},
		{"pacing_rate", m.Rate, old.Rate},
	} {
		if n.now != n.then {
			t.e.uint(n.name, uint64(max(n.now, 0)))
		}
	}
	t.end(now)
}

// CongestionState logs the phase of congestion control, if it is another one.
func (t *Trace) CongestionState(now time.Time, path int, state string) {
	if state == t.state || !t.begin(now, "recovery:congestion_state_updated", path) {
		return
	}
	if t.state != "" {
		t.e.word("old", t.state)
	}
	t.state = state
	t.e.word("new", state)
	t.end(now)
}
