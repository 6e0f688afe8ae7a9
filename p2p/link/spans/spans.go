// Package spans keeps sets of numbers as ordered ranges: packet numbers that have
// arrived, bytes of a stream that were received, acknowledged or lost.
//
// It bounds nothing: a set has as many spans as its numbers have gaps, so a caller whose
// numbers come from the peer limits len(Set) itself.
package spans

import (
	"slices"
	"sort"
)

// A Span is the half-open range [start, end).
type Span struct{ Start, End uint64 }

// Len returns how many numbers the span has.
func (s Span) Len() uint64 { return s.End - s.Start }

// Set is a set of numbers as ordered spans that neither touch nor overlap.
// The zero value is empty.
type Set []Span

// after returns the index of the first span that ends after n.
func (ss Set) after(n uint64) int {
	return sort.Search(len(ss), func(i int) bool { return ss[i].End > n })
}

// Add puts s into the set.
func (ss *Set) Add(s Span) {
	if s.Start >= s.End {
		return
	}
	v := *ss
	if n := len(v); n > 0 && v[n-1].Start <= s.Start && s.Start <= v[n-1].End {
		v[n-1].End = max(v[n-1].End, s.End) // the usual case: the last one grows
		return
	}
	i := 0
	if s.Start > 0 {
		i = v.after(s.Start - 1) // one that ends at s.Start touches s
	}
	j := i
	for j < len(v) && v[j].Start <= s.End {
		s.Start, s.End = min(s.Start, v[j].Start), max(s.End, v[j].End)
		j++
	}
	*ss = slices.Replace(v, i, j, s)
}

// Remove takes s out of the set.
func (ss *Set) Remove(s Span) {
	if s.Start >= s.End {
		return
	}
	v := *ss
	i := v.after(s.Start)
	if i == len(v) || v[i].Start >= s.End {
		return
	}
	j := i
	var rest [2]Span // what remains of the first and the last span that s cuts
	n := 0
	for ; j < len(v) && v[j].Start < s.End; j++ {
		if v[j].Start < s.Start {
			rest[n] = Span{v[j].Start, s.Start}
			n++
		}
		if v[j].End > s.End {
			rest[n] = Span{s.End, v[j].End}
			n++
		}
	}
	*ss = slices.Replace(v, i, j, rest[:n]...)
}

// Contains reports whether n is in the set.
func (ss Set) Contains(n uint64) bool {
	i := ss.after(n)
	return i < len(ss) && ss[i].Start <= n
}

// Touches reports whether s could be added without making one span more.
func (ss Set) Touches(s Span) bool {
	i := ss.after(max(s.Start, 1) - 1)
	return i < len(ss) && ss[i].Start <= s.End
}

// Missing calls f for each part of s that is not in the set, in order.
func (ss Set) Missing(s Span, f func(Span)) {
	for i := ss.after(s.Start); i < len(ss) && ss[i].Start < s.End; i++ {
		if s.Start < ss[i].Start {
			f(Span{s.Start, ss[i].Start})
		}
		s.Start = ss[i].End
	}
	if s.Start < s.End {
		f(s)
	}
}

// Last returns the end of the last span, 0 if there is none.
func (ss Set) Last() uint64 {
	if len(ss) == 0 {
		return 0
	}
	return ss[len(ss)-1].End
}
