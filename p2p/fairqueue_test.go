package p2p

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

func queueSource(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)})
}

func TestFairQueueTakesTurns(t *testing.T) {
	q := newFairQueue[string](10)
	for i := range 5 {
		q.put(queueSource(1), fmt.Sprint("a", i))
	}
	q.put(queueSource(2), "b0")
	q.put(queueSource(3), "c0")
	q.put(queueSource(2), "b1")
	var got []string
	for item, ok := q.next(); ok; item, ok = q.next() {
		got = append(got, item)
	}
	if want := []string{"a0", "b0", "c0", "a1", "b1", "a2", "a3", "a4"}; !slices.Equal(got, want) {
		t.Errorf("the turns were %q, want %q", got, want)
	}
	if len(q.queues)+len(q.turns)+q.n != 0 {
		t.Errorf("an empty queue holds %+v", q)
	}
}

// When the queue is full, the source with the most items loses its oldest one.
func TestFairQueueDropsFromLargest(t *testing.T) {
	q := newFairQueue[int](50)
	q.put(queueSource(0), -1)
	for i := range 1000 {
		q.put(queueSource(1+i%10), i)
	}
	if q.n != 50 {
		t.Errorf("%d items wait, want 50", q.n)
	}
	if item, _ := q.next(); item != -1 {
		t.Errorf("an honest request was dropped, %d is first", item)
	}
	if item, _ := q.next(); item < 900 {
		t.Errorf("item %d is kept, though newer ones of its source were dropped", item)
	}
}

// The counts match the contents after any sequence of operations.
func TestFairQueueCounts(t *testing.T) {
	q := newFairQueue[int](20)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 10_000 {
		if r.IntN(5) < 3 {
			q.put(queueSource(r.IntN(8)), i)
		} else {
			q.next()
		}
		sum := 0
		for source, items := range q.queues {
			sum += len(items)
			if len(items) == 0 || !slices.Contains(q.turns, source) {
				t.Fatalf("step %d: a source with %d items, among the turns %v", i, len(items), slices.Contains(q.turns, source))
			}
		}
		if sum != q.n || q.n > 20 || len(q.turns) != len(q.queues) {
			t.Fatalf("step %d: %d items are counted as %d, %d turns of %d sources", i, sum, q.n, len(q.turns), len(q.queues))
		}
	}
}
