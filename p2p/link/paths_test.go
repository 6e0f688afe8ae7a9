package link

import (
	"io"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/p2p/path"
)

func TestOutageOfThirtySeconds(t *testing.T) {
	t.Parallel()
	run(t, func(w *testNetwork) { w.rate, w.queue = 1.25e6, 100*time.Millisecond }, func(t *testing.T, w *testNetwork) {
		s, _ := w.a.OpenStream()
		go func() {
			s.Write(bulk(4 << 20))
			s.CloseWrite()
		}()
		r, err := w.b.AcceptStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		io.ReadFull(r, make([]byte, 1<<20))
		w.set(func() { w.cut[1] = true })
		time.AfterFunc(30*time.Second, func() { w.set(func() { w.cut[1] = false }) })
		healed := time.Now().Add(30 * time.Second)
		time.Sleep(29 * time.Second)
		before := r.arrived()
		if w.a.Path().Kind != path.None {
			t.Errorf("path during the outage: %v", w.a.Path())
		}
		for r.arrived() == before {
			time.Sleep(10 * time.Millisecond)
			if time.Since(healed) > 5*time.Second {
				t.Fatal("nothing moved within 5 s of the outage's end")
			}
		}
		if n, err := io.Copy(io.Discard, r); n != 3<<20 || err != nil {
			t.Errorf("the rest: %d, %v", n, err)
		}
	})
}

func TestRelayToDirectAndBack(t *testing.T) {
	t.Parallel()
	run(t, func(w *testNetwork) { w.cut[1] = true }, func(t *testing.T, w *testNetwork) {
		w.connect(2, 7)
		time.Sleep(300 * time.Millisecond)
		expect := func(kind path.Kind, within time.Duration) {
			t.Helper()
			start := time.Now()
			for w.a.Path().Kind != kind || w.b.Path().Kind != kind {
				time.Sleep(10 * time.Millisecond)
				if time.Since(start) > within {
					t.Fatalf("paths are %v and %v, not %v, after %v", w.a.Path(), w.b.Path(), kind, within)
				}
			}
		}
		expect(path.Relay, 0)
		s, _ := w.a.OpenStream()
		stop, stopped := make(chan bool), make(chan bool)
		go func() {
			defer close(stopped)
			for i := byte(0); ; i++ {
				select {
				case <-stop:
					s.CloseWrite()
					return
				case <-time.After(50 * time.Millisecond):
					s.Write([]byte{i})
				}
			}
		}()
		w.set(func() { w.cut[1] = false })
		expect(path.Direct, 2*time.Second)
		w.set(func() { w.cut[2] = true }) // the relay's end is not noticed
		time.Sleep(time.Minute)
		expect(path.Direct, 0)
		w.set(func() { w.cut[2] = false })
		time.Sleep(time.Minute) // the relay has been found again
		w.set(func() { w.cut[1] = true })
		expect(path.Relay, 5*time.Second)
		w.set(func() { w.cut[1] = false })
		expect(path.Direct, 70*time.Second)
		close(stop)
		<-stopped
		r, err := w.b.AcceptStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		for i, b := range got {
			if b != byte(i) {
				t.Fatalf("byte %d is %d", i, b)
			}
		}
		if err != nil || len(got) < 1000 {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
}

func TestFollowsAChangedAddress(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *testNetwork) {
		time.Sleep(time.Second)
		w.set(func() { w.cut[1] = true })
		// The other end's packets come from port 5 from now on.
		w.b.AddCandidates(w.route(1, 5, 0).Addr, nil, 0)
		start := time.Now()
		transfer(t, w.b, w.a, bulk(10_000))
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
		for w.a.Path().Addr.Port() != 5 {
			time.Sleep(10 * time.Millisecond)
			if time.Since(start) > 5*time.Second {
				t.Fatalf("path is %v", w.a.Path())
			}
		}
	})
}

// What is lost on a path that is then left for another is sent again there.
func TestLossOnAPathThatIsLeft(t *testing.T) {
	t.Parallel()
	run(t, func(w *testNetwork) { w.cut[1] = true }, func(t *testing.T, w *testNetwork) {
		w.connect(2, 7)
		time.Sleep(time.Second)
		if w.a.Path().Kind != path.Relay {
			t.Fatalf("path is %v", w.a.Path())
		}
		s, _ := w.a.OpenStream()
		w.set(func() {
			w.cut[1] = false
			w.drop = func(_ int, d []byte) bool { return d[0] == typeRelay && len(d) > 500 } // a relay that drops longer ones
		})
		go func() {
			s.Write(bulk(12_000))
			s.CloseWrite()
		}()
		r, err := w.b.AcceptStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if n, err := io.Copy(io.Discard, r); n != 12_000 || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// Paths with round trips of up to two seconds become valid.
func TestLongPaths(t *testing.T) {
	for _, delay := range []time.Duration{100 * time.Millisecond, 300 * time.Millisecond, time.Second} {
		run(t, func(w *testNetwork) { w.delay = delay }, func(t *testing.T, w *testNetwork) {
			start := time.Now()
			for w.a.Path().Kind == path.None || w.b.Path().Kind == path.None {
				time.Sleep(10 * time.Millisecond)
				if time.Since(start) > 5*delay {
					t.Fatalf("delay %v: no path after %v", delay, time.Since(start))
				}
			}
			transfer(t, w.a, w.b, bulk(10_000))
			w.set(func() {
				if w.sent[1] > 400 {
					t.Errorf("delay %v: %d datagrams for 10 kB", delay, w.sent[1])
				}
			})
		})
	}
}

// A peer that names many addresses has few of each host probed, a few times,
// and no more by naming them again.
func TestNamedCandidatesGetFewProbes(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *testNetwork) {
		time.Sleep(time.Second)
		var cs []path.Candidate
		for i := range path.MaxCandidates {
			cs = append(cs, path.Candidate{Kind: path.Host, Addr: w.route(0, uint16(1000+i), 0).Addr})
			w.set(func() { w.cut[uint16(1000+i)] = true })
		}
		for range 15 {
			w.b.SetCandidates(cs)
			time.Sleep(30 * time.Second)
		}
		w.set(func() {
			ports := 0
			for i := range path.MaxCandidates {
				if n := w.sent[uint16(1000+i)]; n > 8 {
					t.Errorf("victim %d got %d datagrams", i, n)
				} else if n > 0 {
					ports++
				}
			}
			if ports != path.ProbePorts {
				t.Errorf("%d ports were probed", ports)
			}
		})
	})
}

func TestGarbageIsDropped(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *testNetwork) {
		time.Sleep(time.Second)
		for i := range 1000 {
			w.mu.Lock()
			d := bulk(13 + i)
			d[0] = typeData
			w.mu.Unlock()
			w.carry(0, 1, d)
		}
		synctest.Wait()
		transfer(t, w.a, w.b, bulk(1000))
	})
}

// When several paths die at once, that is one piece of news and not a row of
// paths that were never used.
func TestPathsDieTogether(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *testNetwork) {
		for port := uint16(2); port < 6; port++ {
			w.connect(port, 0)
		}
		w.connect(6, 7)
		time.Sleep(20 * time.Second)
		var before int
		w.set(func() {
			before = len(w.paths)
			for port := uint16(1); port <= 6; port++ {
				w.cut[port] = true
			}
		})
		w.a.Moved()
		time.Sleep(40 * time.Second)
		w.set(func() {
			news := w.paths[before:] // the relay's may have some patience left
			if len(news) > 2 || news[len(news)-1].Kind != path.None {
				t.Errorf("OnPath was called %d times: %v", len(news), news)
			}
		})
	})
}
