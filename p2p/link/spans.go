package link

import (
	"slices"
	"sort"
)

// A span is the half-open range [start, end).
type span struct{ start, end uint64 }

func (s span) len() uint64 { return s.end - s.start }

// spans is a set of numbers as ordered spans that neither touch nor overlap.
// Its zero value is empty.
type spans []span

// after returns the index of the first span that ends behind n.
func (ss spans) after(n uint64) int {
	return sort.Search(len(ss), func(i int) bool { return ss[i].end > n })
}

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
	i := 0
	if s.start > 0 {
		i = v.after(s.start - 1) // one that ends at s.start is touched
	}
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
	i := v.after(s.start)
	if i == len(v) || v[i].start >= s.end {
		return
	}
	j := i
	var rest [2]span // what is left of the first and of the last that s cuts
	n := 0
	for ; j < len(v) && v[j].start < s.end; j++ {
		if v[j].start < s.start {
			rest[n] = span{v[j].start, s.start}
			n++
		}
		if v[j].end > s.end {
			rest[n] = span{s.end, v[j].end}
			n++
		}
	}
	*ss = slices.Replace(v, i, j, rest[:n]...)
}

// contains reports whether n is in the set.
func (ss spans) contains(n uint64) bool {
	i := ss.after(n)
	return i < len(ss) && ss[i].start <= n
}

// touches reports whether adding s would not make one span more.
func (ss spans) touches(s span) bool {
	i := ss.after(max(s.start, 1) - 1)
	return i < len(ss) && ss[i].start <= s.end
}

// missing calls f for each part of s that is not in the set, in order.
func (ss spans) missing(s span, f func(span)) {
	for i := ss.after(s.start); i < len(ss) && ss[i].start < s.end; i++ {
		if s.start < ss[i].start {
			f(span{s.start, ss[i].start})
		}
		s.start = ss[i].end
	}
	if s.start < s.end {
		f(s)
	}
}

// last returns the end of the last span, 0 if there is none.
func (ss spans) last() uint64 {
	if len(ss) == 0 {
		return 0
	}
	return ss[len(ss)-1].end
}
