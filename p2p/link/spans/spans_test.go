package spans

import (
	"math/rand/v2"
	"testing"
)

// Spans agree with a map over random additions and removals.
func TestSpansAreASet(t *testing.T) {
	t.Parallel()
	const size = 64
	rnd := rand.New(rand.NewPCG(1, 2))
	var ss Set
	set := map[uint64]bool{}
	for i := range 8_000 {
		s := Span{Start: rnd.Uint64N(size)}
		s.End = s.Start + rnd.Uint64N(10)
		before := len(ss)
		touches := ss.Touches(s)
		if add := rnd.IntN(2) == 0; add {
			ss.Add(s)
			if s.Len() > 0 && touches != (len(ss) <= before) {
				t.Fatalf("step %d: touches is %v, and %d spans became %d", i, touches, before, len(ss))
			}
			for n := s.Start; n < s.End; n++ {
				set[n] = true
			}
		} else {
			ss.Remove(s)
			for n := s.Start; n < s.End; n++ {
				delete(set, n)
			}
		}
		checkSpans(t, ss, set, size+10)
		ss.Missing(s, func(m Span) {
			for n := m.Start; n < m.End; n++ {
				if set[n] || n < s.Start || n >= s.End {
					t.Fatalf("step %d: %d reported as missing from %v in %v", i, n, s, ss)
				}
				set[n] = true // not a second time
			}
		})
		for n := s.Start; n < s.End; n++ {
			if !set[n] {
				t.Fatalf("step %d: %d is missing but was not reported", i, n)
			}
		}
		clear(set)
		for _, e := range ss {
			for n := e.Start; n < e.End; n++ {
				set[n] = true
			}
		}
	}
}

func checkSpans(t *testing.T, ss Set, set map[uint64]bool, size uint64) {
	t.Helper()
	for i, s := range ss {
		if s.Start >= s.End || i > 0 && ss[i-1].End >= s.Start {
			t.Fatalf("not in order, or not apart: %v", ss)
		}
	}
	for n := range size {
		if ss.Contains(n) != set[n] {
			t.Fatalf("%d is in the set: %v; in %v: %v", n, set[n], ss, ss.Contains(n))
		}
	}
}
