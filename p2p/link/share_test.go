package link

import (
	"testing"
	"time"
)

// A course is a kind of path over which a transfer is sent, and what is demanded
// of it.
type course struct {
	name   string
	whole  int     // bytes of the benchmark's transfer
	size   int     // of the test's
	least  float64 // share of the path's rate over the test's transfer, start included
	most   float64 // share of the packets that may be lost; 0: any
	change func(*testNetwork)
}

func courses() []course {
	const mbit = 1e6 / 8
	const ms = time.Millisecond
	path := func(rate float64, trip, queue time.Duration, loss float64, more ...func(*testNetwork)) func(*testNetwork) {
		return func(w *testNetwork) {
			w.rate, w.queue, w.delay, w.loss = rate*mbit, queue, trip/2, loss
			for _, change := range more {
				change(w)
			}
		}
	}
	policer := func(w *testNetwork) { w.policer = true }
	unrest := func(w *testNetwork) { w.jitter, w.duplicate = 3*ms, .01 }
	outage := func(w *testNetwork) {
		cut := func(v bool) func() { return func() { w.set(func() { w.cut[1] = v }) } }
		time.AfterFunc(calm+1500*ms, cut(true))
		time.AfterFunc(calm+1800*ms, cut(false))
	}
	return []course{
		{"100 Mbit, 50 ms", 100 << 20, 20 << 20, .85, .05, path(100, 50*ms, 50*ms, 0)},
		{"100 Mbit, 50 ms, 1% loss", 100 << 20, 40 << 20, .88, 0, path(100, 50*ms, 50*ms, .01)},
		{"100 Mbit, 50 ms, 20% loss", 100 << 20, 20 << 20, .70, 0, path(100, 50*ms, 50*ms, .20)},
		{"100 Mbit, 50 ms, 50% loss", 100 << 20, 20 << 20, .60, 0, path(100, 50*ms, 50*ms, .50)},
		{"100 Mbit, 200 ms", 100 << 20, 100 << 20, .90, .02, path(100, 200*ms, 200*ms, 0)},
		{"20 Mbit, queue of 5 ms", 50 << 20, 10 << 20, .85, .10, path(20, 50*ms, 5*ms, 0)},
		{"20 Mbit, queue of 200 ms", 50 << 20, 10 << 20, .85, .02, path(20, 50*ms, 200*ms, 0)},
		{"20 Mbit, policer with 5 ms", 50 << 20, 20 << 20, .85, .10, path(20, 50*ms, 5*ms, 0, policer)},
		{"20 Mbit, policer with 500 ms", 50 << 20, 20 << 20, .85, .50, path(20, 50*ms, 500*ms, 0, policer)},
		{"10 Mbit", 20 << 20, 5 << 20, .90, .05, path(10, 50*ms, 50*ms, 0)},
		{"10 Mbit, unrest", 20 << 20, 5 << 20, .80, .10, path(10, 50*ms, 50*ms, 0, unrest)},
		{"10 Mbit, outage of 300 ms", 20 << 20, 5 << 20, .77, 0, path(10, 50*ms, 50*ms, 0, outage)},
		{"10 Mbit, unrest and outage", 20 << 20, 5 << 20, .77, 0, path(10, 50*ms, 50*ms, 0, unrest, outage)},
		{"100 Mbit, unrest and outage", 100 << 20, 50 << 20, .72, 0, path(100, 50*ms, 50*ms, 0, unrest, outage)},
	}
}

// calm is how long after a test network starts a transfer begins: its path is
// valid by then.
const calm = 2 * time.Second

// ride sends bytes over a course and returns which share of the path's rate
// they got, and which share of the packets was lost.
func (c course) ride(t *testing.T, w *testNetwork, size int) (share, lost float64) {
	time.Sleep(calm)
	start := w.a.sentPackets()
	took := transfer(t, w.a, w.b, bulk(size))
	return float64(size) / took.Seconds() / w.rate, float64(w.a.losses()) / float64(w.a.sentPackets()-start)
}

func TestShareOfThePath(t *testing.T) {
	t.Parallel()
	skipIfSlow(t)
	for _, c := range courses() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			run(t, c.change, func(t *testing.T, w *testNetwork) {
				share, lost := c.ride(t, w, c.size)
				t.Logf("%.2f of the rate, %.3f lost", share, lost)
				if share < c.least {
					t.Errorf("%.2f of the path's rate", share)
				}
				if c.most > 0 && lost > c.most {
					t.Errorf("%.2f of what was sent is lost to a queue", lost)
				}
			})
		})
	}
}

// BenchmarkShareOfThePath reports the same for longer transfers:
//
//	go test -run '^$' -bench ShareOfThePath -benchtime 1x ./p2p/link
func BenchmarkShareOfThePath(b *testing.B) {
	for _, c := range courses() {
		b.Run(c.name, func(b *testing.B) {
			var shares, losses float64
			for range b.N {
				inBubble(b, func(t *testing.T) {
					w := newTestNetwork(t, c.change)
					share, lost := c.ride(t, w, c.whole)
					shares += share
					losses += lost
					w.close()
					time.Sleep(time.Minute)
				})
			}
			b.ReportMetric(shares/float64(b.N), "share")
			b.ReportMetric(losses/float64(b.N), "lost")
			b.ReportMetric(0, "ns/op")
		})
	}
}
