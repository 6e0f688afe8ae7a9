package link

import (
	"testing"
	"testing/synctest"
	"time"
)

// On a very short path it is the hosts that are slow now and then. What arrives
// while one of them did something else says nothing of the path: the rate neither
// stays at what it was then nor falls.
func TestHostPauses(t *testing.T) {
	t.Parallel()
	skipIfSlow(t)
	const ms = time.Millisecond
	pause := func(l *Link, d time.Duration) { l.do(func() { time.Sleep(d) }) }
	again := func(l *Link, runs, halts time.Duration) {
		for range 600 * ms / (runs + halts) {
			time.Sleep(runs)
			pause(l, halts)
			time.Sleep(halts)
		}
	}
	for _, c := range []struct {
		name  string
		rate  float64 // bytes per second
		least float64 // share of it in the end
		hosts func(a, b *Link)
	}{
		{"never", 100e6, .90, func(a, b *Link) {}},
		{"the sender, in the start", 100e6, .90, func(a, b *Link) { time.Sleep(ms); pause(a, 100*ms) }},
		{"the receiver, in the start", 100e6, .90, func(a, b *Link) { time.Sleep(ms / 5); pause(b, 200*ms) }},
		{"the receiver, again and again in the start", 100e6, .90, func(a, b *Link) {
			for range 4 {
				time.Sleep(ms / 5)
				pause(b, 50*ms)
			}
		}},
		{"the receiver, three quarters of the time", 100e6, .80, func(a, b *Link) { again(b, ms, 3*ms) }},
		{"the sender, nearly always", 500e6, .50, func(a, b *Link) { again(a, ms/10, 3*ms) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newTestNetwork(t, func(w *testNetwork) { w.rate, w.queue, w.delay = c.rate, 5*ms, ms/20 })
				time.Sleep(calm)
				arrived := endless(t, w)
				go c.hosts(w.a, w.b)
				time.Sleep(500 * ms)
				before := arrived()
				time.Sleep(100 * ms)
				share := float64(arrived()-before) / .1 / c.rate
				t.Logf("%.2f of the rate", share)
				if share < c.least {
					t.Errorf("%.2f of the path's rate", share)
				}
				w.close()
				time.Sleep(time.Minute)
			})
		})
	}
}
