package link

import (
	"testing"
	"time"
)

// A course is a kind of path over which a transfer is sent.
type course struct {
	name   string
	whole  int     // bytes of the benchmark's transfer
	size   int     // of the test's
	least  float64 // share of the path's rate that the test demands; part of it is the start
	most   float64 // share of the packets that may be lost; 0: any
	change func(*wire)
}

func courses() []course {
	const mbit = 1e6 / 8
	const ms = time.Millisecond
	path := func(rate float64, trip, queue time.Duration, loss float64) func(*wire) {
		return func(w *wire) { w.rate, w.queue, w.delay, w.loss = rate*mbit, queue, trip/2, loss }
	}
	return []course{
		{"100 Mbit, 50 ms", 100 << 20, 8 << 20, .66, .09, path(100, 50*ms, 50*ms, 0)},
		{"100 Mbit, 50 ms, 1% loss", 100 << 20, 8 << 20, .58, 0, path(100, 50*ms, 50*ms, .01)},
		{"100 Mbit, 50 ms, 20% loss", 100 << 20, 5 << 20, .33, 0, path(100, 50*ms, 50*ms, .20)},
		{"100 Mbit, 50 ms, 50% loss", 100 << 20, 2 << 20, .03, 0, path(100, 50*ms, 50*ms, .50)},
		{"100 Mbit, 200 ms", 100 << 20, 12 << 20, .35, 0, path(100, 200*ms, 200*ms, 0)},
		{"20 Mbit, queue of 5 ms", 50 << 20, 3 << 20, .80, .10, path(20, 50*ms, 5*ms, 0)},
		{"20 Mbit, queue of 200 ms", 50 << 20, 3 << 20, .80, .02, path(20, 50*ms, 200*ms, 0)},
		{"10 Mbit, reordering of 3 ms, 1% twice", 20 << 20, 2 << 20, .75, .10, func(w *wire) {
			path(10, 50*ms, 50*ms, 0)(w)
			w.jitter, w.duplicate = 3*ms, .01
		}},
	}
}

// ride sends bytes over a course and returns which share of the path's rate
// they got, and which share of the packets was lost.
func (c course) ride(t *testing.T, w *wire, size int) (share, lost float64) {
	time.Sleep(2 * time.Second) // until the path is valid
	sent := func() (n int) {
		w.set(func() { n = w.sent[1] })
		return n
	}
	start := sent()
	took := transfer(t, w.a, w.b, bulk(size))
	return float64(size) / took.Seconds() / w.rate, float64(w.a.losses()) / float64(sent()-start)
}

func TestShareOfThePath(t *testing.T) {
	t.Parallel()
	skipIfSlow(t)
	for _, c := range courses() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			run(t, c.change, func(t *testing.T, w *wire) {
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
				// A bubble belongs to a test, which a benchmark has none of.
				ok := testing.RunTests(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{{
					Name: c.name,
					F: func(t *testing.T) {
						run(t, c.change, func(t *testing.T, w *wire) {
							share, lost := c.ride(t, w, c.whole)
							shares += share
							losses += lost
						})
					},
				}})
				if !ok {
					b.Fatal("the transfer failed")
				}
			}
			b.ReportMetric(shares/float64(b.N), "share")
			b.ReportMetric(losses/float64(b.N), "lost")
			b.ReportMetric(0, "ns/op")
		})
	}
}
