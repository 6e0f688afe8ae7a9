package link

import (
	"testing"
	"time"
)

// mtuOf returns the size of the datagrams that an end uses.
func mtuOf(l *Link) int {
	size := make(chan int, 1)
	l.do(func() { size <- l.chosen.mtu })
	return <-size
}

func TestMTUGrowsToWhatThePathCarries(t *testing.T) {
	for carried, want := range map[int]int{1200: 1200, 1451: 1200, 1452: 1452, 1472: 1452, 8000: 1452} {
		run(t, func(w *wire) { w.mtu = carried }, func(t *testing.T, w *wire) {
			time.Sleep(3 * time.Second)
			if a, b := mtuOf(w.a), mtuOf(w.b); a != want || b != want {
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
	run(t, func(w *wire) { w.loss = .2 }, func(t *testing.T, w *wire) {
		time.Sleep(25 * time.Minute)
		if a := mtuOf(w.a); a != 1452 {
			t.Errorf("after some time: %d", a)
		}
	})
}

// A path that suddenly carries less is a black hole for what is large: a
// transfer goes on within seconds.
func TestMTUShrinks(t *testing.T) {
	run(t, func(w *wire) { w.rate, w.queue = 1.25e6, 100*time.Millisecond }, func(t *testing.T, w *wire) {
		time.Sleep(3 * time.Second)
		time.AfterFunc(time.Second, func() { w.set(func() { w.mtu = 1300 }) })
		if took := transfer(t, w.a, w.b, bulk(4<<20)); took > 8*time.Second {
			t.Errorf("it took %v", took)
		}
		if a := mtuOf(w.a); a != baseMTU {
			t.Errorf("afterwards: %d", a)
		}
		time.Sleep(2 * time.Minute)
		w.set(func() { w.mtu = 1472 })
		time.Sleep(11 * time.Minute)
		if a := mtuOf(w.a); a != 1452 {
			t.Errorf("when it carries more again: %d", a)
		}
	})
}
