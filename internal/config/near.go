package config

import "strings"

// Nearest returns the candidate that name was most likely meant to be: one that
// is at most a third of its letters, and at least one letter, away (two neighbours that are
// swapped are one), or that it is the beginning of.
func Nearest(name string, candidates []string) (string, bool) {
	limit := max(1, len(name)/3)
	best, least := "", limit+1
	for _, c := range candidates {
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

// distance is how many letters have to be added, taken away, changed or swapped with their neighbour
// to make b of a (optimal string alignment), in bytes.
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
