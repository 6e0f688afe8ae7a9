package link

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"time"

	"p2ptool/p2p/path"
)

// mtuOf returns the size of the datagrams that an end uses.
func mtuOf(l *Link) int {
	size := make(chan int, 1)
	l.do(func() { size <- l.best().MTU })
	return <-size
}

func TestMTUGrowsToWhatThePathCarries(t *testing.T) {
	for carried, least := range map[int]int{548: 548, 772: 756, 1199: 1183, 1200: 1200, 1451: 1436, 1452: 1452, 1472: 1452, 8000: 1452} {
		run(t, func(w *testNetwork) { w.mtu = carried }, func(t *testing.T, w *testNetwork) {
			time.Sleep(5 * time.Second)
			if a, b := mtuOf(w.a), mtuOf(w.b); a < least || b < least || max(a, b) > min(carried, 1452) {
				t.Errorf("over a path of %d: %d and %d", carried, a, b)
			}
			transfer(t, w.a, w.b, bulk(100_000))
			w.set(func() { clear(w.sent) })
			time.Sleep(9 * time.Minute)
			w.set(func() {
				if w.sent[1] > 15*60 {
					t.Errorf("over a path of %d: %d datagrams in nine idle minutes", carried, w.sent[1])
				}
			})
		})
	}
}

// Loss of the probes themselves does not keep a path small for long.
func TestMTUUnderLoss(t *testing.T) {
	run(t, func(w *testNetwork) { w.loss = .2 }, func(t *testing.T, w *testNetwork) {
		time.Sleep(25 * time.Minute)
		if a := mtuOf(w.a); a != 1452 {
			t.Errorf("after some time: %d", a)
		}
	})
}

// A path that suddenly carries less is a black hole for what is large: a
// transfer goes on within seconds.
func TestMTUShrinks(t *testing.T) {
	run(t, func(w *testNetwork) { w.rate, w.queue = 1.25e6, 100*time.Millisecond }, func(t *testing.T, w *testNetwork) {
		time.Sleep(3 * time.Second)
		time.AfterFunc(time.Second, func() { w.set(func() { w.mtu = 1300 }) })
		if took := transfer(t, w.a, w.b, bulk(4<<20)); took > 8*time.Second {
			t.Errorf("it took %v", took)
		}
		if a := mtuOf(w.a); a > 1300 || a < 1284 {
			t.Errorf("afterwards: %d", a)
		}
		w.set(func() { w.mtu = 1472 })
		time.Sleep(11 * time.Minute)
		transfer(t, w.a, w.b, bulk(1<<20))
		if a := mtuOf(w.a); a != 1452 {
			t.Errorf("when it carries more again: %d", a)
		}
	})
}

// Whatever a path carries, at first or all of a sudden, data flows within seconds while there is
// a way for it. A path that carries less than any has to is no path, though short pings pass.
func TestSmallPaths(t *testing.T) {
	t.Parallel()
	for _, carried := range []int{300, 548, 772, 1171, 1199, 1252} {
		for _, relayed := range []bool{false, true} {
			for _, suddenly := range []bool{false, true} {
				name := fmt.Sprintf("%d relayed=%v suddenly=%v", carried, relayed, suddenly)
				t.Run(name, func(t *testing.T) { smallPath(t, carried, relayed, suddenly) })
			}
		}
	}
}

func smallPath(t *testing.T, carried int, relayed, suddenly bool) {
	t.Parallel()
	const within = 5 * time.Second
	limit := func(w *testNetwork) {
		w.drop = func(_ int, d []byte) bool { return (d[0] == typeRelay) == relayed && len(d) > carried }
	}
	change := func(w *testNetwork) {
		w.rate, w.queue = 1.25e6, 100*time.Millisecond
		w.cut[1] = relayed
		if !suddenly {
			limit(w)
		}
	}
	if relayed && carried < path.MinMTU {
		t.Skip("there is no other way")
	}
	run(t, change, func(t *testing.T, w *testNetwork) {
		w.connect(2, 7)
		began := time.Now()
		s, _ := w.a.OpenStream()
		go func() {
			s.Write(bulk(4 << 20))
			s.CloseWrite()
		}()
		r, err := w.b.AcceptStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if suddenly {
			time.Sleep(time.Second)
			w.set(func() { limit(w) })
			began = time.Now()
		}
		var all int64
		over := make(chan error)
		go func() {
			n, err := io.Copy(io.Discard, r)
			all = n
			over <- err
		}()
		before := r.arrived()
		for r.arrived() < before+200_000 { // what was on its way is less
			time.Sleep(10 * time.Millisecond)
			if took := time.Since(began); took > within {
				t.Errorf("%d bytes in %v; path %v of %d", r.arrived()-before, took, w.a.Path(), mtuOf(w.a))
				break
			}
		}
		checkChat(t, w)
		if err := <-over; all != 4<<20 || err != nil {
			t.Errorf("%d bytes, %v", all, err)
		}
		if got, want := w.a.Path().Kind.Relayed(), relayed || carried < path.MinMTU; got != want {
			t.Errorf("path is %v", w.a.Path())
		}
	})
}

// checkChat sends a long line and its short answer, beside whatever else is sent.
func checkChat(t *testing.T, w *testNetwork) {
	t.Helper()
	began := time.Now()
	line, answer := bulk(3000), bulk(30)
	go func() {
		s, _ := w.b.OpenStream()
		s.Write(line)
		s.CloseWrite()
	}()
	r, err := w.a.AcceptStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); !bytes.Equal(got, line) || err != nil {
		t.Errorf("a line of %d bytes: %d, %v", len(line), len(got), err)
	}
	r.Write(answer)
	r.CloseWrite()
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("a line took %v", took)
	}
}

// A datagram of the application is cut up where the path's packets are smaller.
func TestDatagramOnASmallPath(t *testing.T) {
	t.Parallel()
	run(t, func(w *testNetwork) { w.mtu = path.MinMTU }, func(t *testing.T, w *testNetwork) {
		for n := range 40 {
			sent := bulk(n * MaxDatagram / 39)
			if err := w.a.SendDatagram(sent); err != nil {
				t.Fatal(err)
			}
			if got, err := w.b.ReceiveDatagram(t.Context()); !bytes.Equal(got, sent) || err != nil {
				t.Errorf("a datagram of %d bytes: %d, %v", len(sent), len(got), err)
			}
		}
	})
}
