package link

import (
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/p2p/link/stream"
)

// A rival is a flow that shares a bottleneck with a link: by its name, how it
// begins. It returns how many bytes of it have arrived, and what ends it.
type rival struct {
	name  string
	least float64 // of what both carry, that the link is to get
	most  float64
	begin func(t *testing.T, neck *bottleneck, delay time.Duration) (arrived func() int, end func())
}

func rivals() []rival {
	model := func(cc func() tcpControl) func(*testing.T, *bottleneck, time.Duration) (func() int, func()) {
		return func(_ *testing.T, neck *bottleneck, delay time.Duration) (func() int, func()) {
			f := newTCP(neck, delay, cc())
			return f.arrived, f.stop
		}
	}
	return []rival{
		{"TCP CUBIC", .25, .75, model(func() tcpControl { return newCubic() })},
		// A third over a minute; of some seconds more or less.
		{"TCP BBR", .18, .75, model(func() tcpControl { return newBBR1(time.Now()) })},
		// Jain's index of two flows is .9 where one gets a third.
		{"another link", .35, .65, func(t *testing.T, neck *bottleneck, delay time.Duration) (func() int, func()) {
			w := newTestNetwork(t, func(w *testNetwork) { w.shared, w.delay = neck, delay/2 })
			time.Sleep(time.Second)
			return endless(t, w), w.close
		}},
	}
}

// endless writes to a stream of w until w is closed, and returns how many bytes
// of it were read.
func endless(t *testing.T, w *testNetwork) (arrived func() int) {
	t.Helper()
	s, err := w.a.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		data := bulk(stream.MaxCopy)
		for {
			if _, err := s.Write(data); err != nil {
				return
			}
		}
	}()
	r, err := w.b.AcceptStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	go func() {
		b := make([]byte, stream.MaxCopy)
		for {
			got, err := r.Read(b)
			w.set(func() { n += got })
			if err != nil {
				return
			}
		}
	}()
	return func() (arrived int) {
		w.set(func() { arrived = n })
		return arrived
	}
}

// beside has a link and a rival share 50 Mbit/s, 40 ms and a queue of a round
// trip; late is how much later the rival begins, or less than 0 the link. It
// returns which part the link got of what both carried in the given time from
// settled after both had begun, and which part of the rate that was.
func beside(t *testing.T, r rival, late, settled, during time.Duration) (share, used float64) {
	const delay = 40 * time.Millisecond
	neck := &bottleneck{rate: 50e6 / 8, queue: delay}
	w := newTestNetwork(t, func(w *testNetwork) { w.shared, w.delay = neck, delay/2 })
	time.Sleep(time.Second)
	var ours, theirs func() int
	var end func()
	if late >= 0 {
		ours = endless(t, w)
		time.Sleep(late)
		theirs, end = r.begin(t, neck, delay)
	} else {
		theirs, end = r.begin(t, neck, delay)
		time.Sleep(-late)
		ours = endless(t, w)
	}
	time.Sleep(settled)
	us, them := -ours(), -theirs()
	time.Sleep(during)
	us, them = us+ours(), them+theirs()
	end()
	w.close()
	time.Sleep(time.Minute)
	return float64(us) / float64(us+them), float64(us+them) / neck.rate / during.Seconds()
}

func TestBesideOthers(t *testing.T) {
	t.Parallel()
	skipIfSlow(t)
	for _, r := range rivals() {
		for name, late := range map[string]time.Duration{"first": 3 * time.Second, "second": -3 * time.Second} {
			t.Run(r.name+", "+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					share, used := beside(t, r, late, 5*time.Second, 15*time.Second)
					t.Logf("%.2f, of %.2f of the rate", share, used)
					if share < r.least || share > r.most {
						t.Errorf("the link got %.2f of what both carried, want %.2f to %.2f", share, r.least, r.most)
					}
					if used < .9 {
						t.Errorf("both carried %.2f of the rate", used)
					}
				})
			})
		}
	}
}

// BenchmarkBesideOthers reports the same over a minute.
func BenchmarkBesideOthers(b *testing.B) {
	for _, r := range rivals() {
		b.Run(r.name, func(b *testing.B) {
			var shares, uses float64
			for range b.N {
				inBubble(b, func(t *testing.T) {
					share, used := beside(t, r, 0, 5*time.Second, time.Minute)
					shares += share
					uses += used
				})
			}
			b.ReportMetric(shares/float64(b.N), "share")
			b.ReportMetric(uses/float64(b.N), "used")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// inBubble runs f as a test in virtual time: a bubble belongs to a test, which a
// benchmark has none of.
func inBubble(b *testing.B, f func(t *testing.T)) {
	b.Helper()
	all := func(string, string) (bool, error) { return true, nil }
	if !testing.RunTests(all, []testing.InternalTest{{Name: b.Name(), F: func(t *testing.T) { synctest.Test(t, f) }}}) {
		b.Fatal("the run failed")
	}
}
