package config

import "strings"

// Nearest returns the candidate that name was most likely meant to be: one that
// is at most a third of its letters, and at least one letter, away, or that it
// is the beginning of.
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

// distance is the Levenshtein distance in bytes, by the rows of its table.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
