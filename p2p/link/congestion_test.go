package link

import (
	"math"
	"testing"
	"time"
)

const testPacket = 1000

// A course drives a controller through round trips.
type course struct {
	c   *cubic
	r   rtt
	now time.Time
}

func newCourse() *course {
	k := &course{c: newCubic(testPacket), now: time.Unix(1000, 0)}
	k.r.sample(100*time.Millisecond, 0)
	return k
}

// trip sends a window and has all of it acknowledged after d, but for the
// packets that lost names.
func (k *course) trip(d time.Duration, limited bool, lost ...int) (sent time.Time) {
	sent = k.now
	k.now = k.now.Add(d)
	for i := range k.c.window() / testPacket {
		if len(lost) > 0 && lost[0] == i {
			lost = lost[1:]
			k.c.lost(k.now, sent, testPacket)
			continue
		}
		k.r.sample(d, 0)
		k.c.acked(k.now, sent, testPacket, limited, &k.r)
	}
	k.now = k.now.Add(time.Millisecond)
	return sent
}

func TestCubicSlowStart(t *testing.T) {
	t.Parallel()
	k := newCourse()
	for want := 20; want <= 640; want *= 2 {
		if k.trip(100*time.Millisecond, true); k.c.window() != want*testPacket {
			t.Fatalf("the window is %d, want %d packets", k.c.window(), want)
		}
	}
	if k.trip(100*time.Millisecond, false); k.c.window() != 640*testPacket {
		t.Errorf("the window grew to %d though nothing filled it", k.c.window())
	}
}

func TestCubicLoss(t *testing.T) {
	t.Parallel()
	k := newCourse()
	for range 4 {
		k.trip(100*time.Millisecond, true)
	}
	k.trip(100*time.Millisecond, true, 0, 5, 9)
	if got := k.c.window(); got != 112*testPacket {
		t.Errorf("the window is %d after one event, want 0.7 of 160 packets", got)
	}
	// K = ∛(48/0.4) s = 4.9 s until it is what it was; two packets less at
	// K - ∛(2/0.4) s = 3.2 s.
	var at time.Duration
	for start := k.now; k.c.window() < 158*testPacket; at = k.now.Sub(start) {
		k.trip(100*time.Millisecond, true)
	}
	if at < 3000*time.Millisecond || at > 3500*time.Millisecond {
		t.Errorf("the window was back after %v", at)
	}
	// An idle time does not count as time to grow.
	before := k.c.window()
	k.trip(100*time.Millisecond, false)
	k.now = k.now.Add(time.Minute)
	k.trip(100*time.Millisecond, true)
	if got := k.c.window(); got > before+5*testPacket {
		t.Errorf("after a minute's idleness the window went from %d to %d", before, got)
	}
}

func TestCubicTakesBackWrongVerdicts(t *testing.T) {
	t.Parallel()
	k := newCourse()
	for range 4 {
		k.trip(100*time.Millisecond, true)
	}
	sent := k.trip(100*time.Millisecond, true, 0, 1)
	if k.c.window() != 112*testPacket || k.c.slowStart() {
		t.Fatalf("the window is %d", k.c.window())
	}
	k.c.regained(sent, testPacket)
	if k.c.window() != 112*testPacket {
		t.Errorf("the window is %d while one packet is still missing", k.c.window())
	}
	k.c.regained(sent, testPacket)
	if k.c.window() < 160*testPacket || !k.c.slowStart() {
		t.Errorf("the window is %d, slow start %v, after all has arrived", k.c.window(), k.c.slowStart())
	}
}

func TestCubicStall(t *testing.T) {
	t.Parallel()
	k := newCourse()
	for range 6 {
		k.trip(100*time.Millisecond, true)
	}
	k.trip(100*time.Millisecond, true, 1)
	threshold := k.c.ssthresh
	for range 10 { // an outage of many timeouts
		k.c.stalled()
	}
	if k.c.window() != minWindow*testPacket || k.c.ssthresh != threshold || !k.c.slowStart() {
		t.Errorf("the window is %d, the threshold %.0f, which was %.0f", k.c.window(), k.c.ssthresh, threshold)
	}
}

func TestHystart(t *testing.T) {
	t.Parallel()
	steady, longer := 100*time.Millisecond, 120*time.Millisecond
	for _, c := range []struct {
		name  string
		trips []time.Duration
		slow  bool
	}{
		{"a steady round trip", []time.Duration{steady, steady, steady, steady, steady, steady, steady, steady}, true},
		{"a queue", []time.Duration{steady, steady, longer, longer, longer, longer, longer, longer}, false},
		{"a moment's queue", []time.Duration{steady, steady, longer, steady, steady, steady, steady, steady}, true},
	} {
		k := newCourse()
		for _, d := range c.trips {
			k.trip(d, true)
		}
		if k.c.slowStart() != c.slow {
			t.Errorf("%s: slow start goes on: %v", c.name, k.c.slowStart())
		}
	}
}

func TestPacer(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{1e5, 1e6, 1e7, 1e8, 1e9} {
		var p pacer
		now := time.Unix(1, 0)
		start := now
		sent, most, wakes := 0, 0, 0
		for now.Sub(start) < time.Second {
			p.fill(now, rate, testPacket)
			burst := 0
			for p.ready() {
				p.spend(testPacket)
				burst += testPacket
			}
			sent, most, wakes = sent+burst, max(most, burst), wakes+1
			next := p.next(rate)
			if !next.After(now) {
				t.Fatalf("at %.0f B/s: the next packet is due at once", rate)
			}
			now = next
		}
		if share := float64(sent) / rate; math.Abs(share-1) > 0.15 {
			t.Errorf("at %.0f B/s: %.2f of it was sent", rate, share)
		}
		if limit := max(int(rate*burstTime.Seconds()), burstFloor*testPacket) + testPacket; most > limit {
			t.Errorf("at %.0f B/s: a burst of %d bytes", rate, most)
		}
		if limit := max(2100, int(rate/40_000)); wakes > limit {
			t.Errorf("at %.0f B/s: woken %d times in a second", rate, wakes)
		}
	}
}
