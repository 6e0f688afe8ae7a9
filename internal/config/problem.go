package config

import (
	"fmt"
	"slices"
	"strings"
)

// A Problem is one thing that is wrong with a file.
type Problem struct {
	File string // empty: Text names the place
	Line int    // 0: the file as a whole; without File for the order alone
	Key  string // dotted; empty: the file as a whole
	Text string // what is wrong, and what would do
}

// Error returns "file:line: key: text", without what is not known.
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

// Problems are all that is wrong with a file, by line. It has at least one.
type Problems []Problem

// Error returns the problems, one a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// sort orders by line, and for the same line by key, so that the order is
// always the same.
func (ps Problems) sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return strings.Compare(a.Key, b.Key)
	})
}
