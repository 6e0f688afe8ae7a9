package link

import "slices"

// A span is the half-open range [start, end).
type span struct{ start, end uint64 }

func (s span) len() uint64 { return s.end - s.start }

// spans is a set of numbers as ordered spans that neither touch nor overlap.
// Its zero value is empty.
type spans []span

// add puts s into the set.
func (ss *spans) add(s span) {
	if s.start >= s.end {
		return
	}
	v := *ss
	if n := len(v); n > 0 && v[n-1].start <= s.start && s.start <= v[n-1].end {
		v[n-1].end = max(v[n-1].end, s.end) // the usual case: the last one grows
		return
	}
	i, _ := slices.BinarySearchFunc(v, s.start, func(e span, at uint64) int {
		if e.end < at {
			return -1
		}
		return 1
	})
	j := i
	for j < len(v) && v[j].start <= s.end {
		s.start, s.end = min(s.start, v[j].start), max(s.end, v[j].end)
		j++
	}
	*ss = slices.Replace(v, i, j, s)
}

// remove takes s out of the set.
func (ss *spans) remove(s span) {
	if s.start >= s.end {
		return
	}
	v := *ss
	for i := 0; i < len(v); {
		e := v[i]
		switch {
		case e.end <= s.start:
			i++
		case e.start >= s.end:
			*ss = v
			return
		case e.start < s.start && e.end > s.end:
			*ss = slices.Replace(v, i, i+1, span{e.start, s.start}, span{s.end, e.end})
			return
		case e.start < s.start:
			v[i].end = s.start
			i++
		case e.end > s.end:
			v[i].start = s.end
			i++
		default:
			v = slices.Delete(v, i, i+1)
		}
	}
	*ss = v
}

// contains reports whether n is in the set.
func (ss spans) contains(n uint64) bool {
	for i := len(ss) - 1; i >= 0; i-- {
		if n >= ss[i].start {
			return n < ss[i].end
		}
	}
	return false
}

// covers reports whether all of s is in the set.
func (ss spans) covers(s span) bool {
	for _, e := range ss {
		if e.start <= s.start && s.end <= e.end {
			return true
		}
	}
	return s.start >= s.end
}
