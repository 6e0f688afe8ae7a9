package natlab

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// A course is a path and the arrival times of the packets sent on it, in milliseconds from
// the start.
type course struct {
	path
	start   time.Time
	arrived []float64
}

func newCourse(l Link) *course {
	return &course{path: path{link: l, rng: rand.New(rand.NewPCG(1, 2))}, start: time.Unix(1e9, 0)}
}

// send sends a burst of packets of 1000 bytes.
func (c *course) send(at time.Duration, packets int) {
	for range packets {
		c.pass(c.start.Add(at), 1000, func(at time.Time) {
			c.arrived = append(c.arrived, float64(at.Sub(c.start).Microseconds())/1000)
		})
	}
}

// TestTurns sends packets that take 1 ms each at the link's rate.
func TestTurns(t *testing.T) {
	const rate = 1e6
	for name, tt := range map[string]struct {
		link Link
		want []float64
	}{
		"unlimited":     {Link{Delay: 5 * ms}, []float64{5, 5, 5, 5, 5, 25, 25}},
		"delayed":       {Link{Delay: 5 * ms, Rate: rate}, []float64{6, 7, 8, 9, 10, 26, 27}},
		"queue, bytes":  {Link{Rate: rate, Queue: 3000}, []float64{1, 2, 3, 21, 22}},
		"queue, time":   {Link{Rate: rate, QueueTime: 3 * ms}, []float64{1, 2, 3, 21, 22}},
		"policer":       {Link{Delay: 5 * ms, Rate: rate, Queue: 3000, Policer: true}, []float64{5, 5, 5, 25, 25}},
		"over MTU":      {Link{MTU: 999}, nil},
		"all are lost":  {Link{Loss: 1}, nil},
		"twice":         {Link{Rate: rate, Queue: 2000, Duplicate: 1}, []float64{1, 1, 2, 2, 21, 21, 22, 22}},
		"all held up":   {Link{Rate: rate, Reorder: 1, ReorderBy: 50 * ms}, []float64{51, 52, 53, 54, 55, 71, 72}},
		"queue of 0.1s": {Link{Rate: rate / 50}, []float64{50, 100}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCourse(tt.link)
			c.send(0, 5)
			c.send(20*ms, 2)
			if !slices.Equal(c.arrived, tt.want) {
				t.Errorf("arrived after %v ms, want %v", c.arrived, tt.want)
			}
		})
	}
}

// TestPolicerRate: a constant overload passes at the rate, whatever the bucket's size.
func TestPolicerRate(t *testing.T) {
	for _, bucket := range []time.Duration{5 * ms, 200 * ms} {
		c := newCourse(Link{Rate: 1e6, QueueTime: bucket, Policer: true})
		for i := range 10_000 {
			c.send(time.Duration(i)*ms/4, 1)
		}
		// 2.5 s at 1 packet a millisecond, plus the initial bucket.
		if want := 2500 + int(bucket/ms); len(c.arrived) < want-2 || len(c.arrived) > want+2 {
			t.Errorf("bucket of %v: %d packets passed, want %d", bucket, len(c.arrived), want)
		}
	}
}

// TestJitterKeepsTheOrder: jitter keeps the order of packets, Reorder does not.
func TestJitterKeepsTheOrder(t *testing.T) {
	for reorder, ordered := range map[float64]bool{0: true, .1: false} {
		c := newCourse(Link{Delay: 10 * ms, Jitter: 5 * ms, Reorder: reorder})
		for i := range 1000 {
			c.send(time.Duration(i)*ms, 1)
		}
		if slices.IsSorted(c.arrived) != ordered {
			t.Errorf("reordering of %v: in order is %v", reorder, !ordered)
		}
		for i, at := range c.arrived {
			if took := at - float64(i); took < 10 || took > 18 {
				t.Errorf("packet %d took %v ms", i, took)
			}
		}
	}
}

// TestParts: of many packets, the set shares are lost and duplicated.
func TestParts(t *testing.T) {
	for _, part := range []float64{.01, .2, .5} {
		lossy, doubling := newCourse(Link{Loss: part}), newCourse(Link{Duplicate: part})
		const n = 100_000
		lossy.send(0, n)
		doubling.send(0, n)
		for what, got := range map[string]int{
			"lost":    n - len(lossy.arrived),
			"counted": lossy.lost,
			"doubled": len(doubling.arrived) - n,
		} {
			if got := float64(got) / n; got < part*.9 || got > part*1.1 {
				t.Errorf("%s: %v, want %v", what, got, part)
			}
		}
	}
}

// TestSegmentOrder: packets of a distant sender do not delay those of a near one that are for
// the same receiver.
func TestSegmentOrder(t *testing.T) {
	t.Parallel()
	l := New(t)
	far, near, b := l.Host("203.0.113.1"), l.Host("203.0.113.2"), l.Host("203.0.113.3")
	far.Link(Link{Delay: time.Second})
	near.Link(Link{})
	b.LinkDown(Link{Rate: 1e6})
	fromFar, fromNear, to := open(t, far, "203.0.113.1:1"), open(t, near, "203.0.113.2:1"), open(t, b, "203.0.113.3:1")
	fromFar.send(to.addr(), "far")
	fromNear.send(to.addr(), "near")
	to.expect("near")
	to.expect("far")
}

// TestRate: 100 packets of 1000 bytes at 1 MB/s take 100 ms.
func TestRate(t *testing.T) {
	t.Parallel()
	a, _, from, to := two(t)
	a.Link(Link{Rate: 1e6, Queue: 1e6})
	start := time.Now()
	for range 100 {
		from.send(to.addr(), strings.Repeat("x", 1000-28))
	}
	for range 100 {
		to.next()
	}
	if took := time.Since(start); took < 99*ms {
		t.Errorf("took %v", took)
	}
	a.Link(Link{Rate: 1e6, Queue: 10_000})
	for i := range 100 {
		from.send(to.addr(), fmt.Sprintf("%-972d", i))
	}
	eventually(t, func() bool { return a.Lost()+len(to.c) == 100 })
	if got := len(to.c); got < 10 || got > 90 {
		t.Errorf("%d of 100 got through a queue of 10", got)
	}
}

func TestLossIsAPart(t *testing.T) {
	t.Parallel()
	a, _, from, to := two(t)
	a.SetLoss(.3)
	for range 1000 {
		from.send(to.addr(), "x")
	}
	eventually(t, func() bool { return a.Lost()+len(to.c) == 1000 })
	if lost := a.Lost(); lost < 200 || lost > 400 {
		t.Errorf("lost %d of 1000", lost)
	}
}
