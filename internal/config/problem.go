package config

import (
	"fmt"
	"slices"
	"strings"
)

// A Problem is one problem of a file.
type Problem struct {
	File string // empty: Text names the place
	Line int    // 0: the whole file; without File only for the order
	Key  string // dotted; empty: the whole file
	Text string // what is wrong, and what would be valid
}

// Error returns "file:line: key: text", without the parts that are unknown.
func (p Problem) Error() string {
	var b strings.Builder
	if p.File == "" {
		return p.Text
	}
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	if p.Key != "" {
		b.WriteString(": " + p.Key)
	}
	return b.String() + ": " + p.Text
}

// Problems are all problems of a file, ordered by line. There is at least one.
type Problems []Problem

// Error returns the problems, one per line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// sort orders by line, then by key, so that the order is always the same.
func (ps Problems) sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return strings.Compare(a.Key, b.Key)
	})
}
