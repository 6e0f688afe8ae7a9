package config

import "strings"

// Nearest returns the known name that a misspelled name most likely means: one within an edit
// distance of a third of its letters, but at least 1, or one that begins with it.
func Nearest(name string, known []string) (string, bool) {
	limit := max(1, len(name)/3)
	best, least := "", limit+1
	for _, c := range known {
		n := distance(name, c)
		if len(name) > 2 && strings.HasPrefix(c, name) {
			n = min(n, limit)
		}
		if n < least {
			best, least = c, n
		}
	}
	return best, best != ""
}

// distance returns the edit distance of a and b in bytes, where swapping neighbours is one edit
// (optimal string alignment).
func distance(a, b string) int {
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, above, row = above, row, before
		row[0] = i + 1
		for j := range len(b) {
			n := above[j]
			if a[i] != b[j] {
				n++
			}
			n = min(n, above[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				n = min(n, before[j-1]+1)
			}
			row[j+1] = n
		}
	}
	return row[len(b)]
}
