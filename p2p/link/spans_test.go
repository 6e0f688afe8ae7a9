package link

import (
	"math/rand/v2"
	"testing"
)

// Spans agree with a map over random additions and removals.
func TestSpansAreASet(t *testing.T) {
	t.Parallel()
	const size = 64
	rnd := rand.New(rand.NewPCG(1, 2))
	var ss spans
	set := map[uint64]bool{}
	for i := range 8_000 {
		s := span{start: rnd.Uint64N(size)}
		s.end = s.start + rnd.Uint64N(10)
		before := len(ss)
		touches := ss.touches(s)
		if add := rnd.IntN(2) == 0; add {
			ss.add(s)
			if s.len() > 0 && touches != (len(ss) <= before) {
				t.Fatalf("step %d: touches is %v, and %d spans became %d", i, touches, before, len(ss))
			}
			for n := s.start; n < s.end; n++ {
				set[n] = true
			}
		} else {
			ss.remove(s)
			for n := s.start; n < s.end; n++ {
				delete(set, n)
			}
		}
		checkSpans(t, ss, set, size+10)
		ss.missing(s, func(m span) {
			for n := m.start; n < m.end; n++ {
				if set[n] || n < s.start || n >= s.end {
					t.Fatalf("step %d: %d is told as missing of %v in %v", i, n, s, ss)
				}
				set[n] = true // not a second time
			}
		})
		for n := s.start; n < s.end; n++ {
			if !set[n] {
				t.Fatalf("step %d: %d is missing and not told", i, n)
			}
		}
		clear(set)
		for _, e := range ss {
			for n := e.start; n < e.end; n++ {
				set[n] = true
			}
		}
	}
}

func checkSpans(t *testing.T, ss spans, set map[uint64]bool, size uint64) {
	t.Helper()
	for i, s := range ss {
		if s.start >= s.end || i > 0 && ss[i-1].end >= s.start {
			t.Fatalf("not in order, or not apart: %v", ss)
		}
	}
	for n := range size {
		if ss.contains(n) != set[n] {
			t.Fatalf("%d is in the set: %v; in %v: %v", n, set[n], ss, ss.contains(n))
		}
	}
}
