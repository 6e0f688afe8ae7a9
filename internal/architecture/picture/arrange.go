package main

import (
	"slices"
	"strings"
)

// A row is the packages that are drawn beside each other.
type row []*goPackage

// A part is what is drawn as one block: the program, or the tools of its tests.
type part struct {
	title string
	rows  []row
}

// arrange puts each package into the row below the lowest of those that import it.
func arrange(all []*goPackage) []part {
	program := reachable(all, ".")
	depth := map[string]int{}
	byPath := map[string]*goPackage{}
	for _, p := range all {
		byPath[p.path] = p
	}
	var sink func(p *goPackage, d int)
	sink = func(p *goPackage, d int) {
		if old, ok := depth[p.path]; ok && old >= d {
			return
		}
		depth[p.path] = d
		for _, i := range p.imports {
			if program[i] {
				sink(byPath[i], d+1)
			}
		}
	}
	sink(byPath["."], 0)
	var rows []row
	var tests row
	for _, p := range all {
		d, ok := depth[p.path]
		if !ok {
			tests = append(tests, p)
			continue
		}
		for len(rows) <= d {
			rows = append(rows, nil)
		}
		rows[d] = append(rows[d], p)
	}
	for _, r := range rows {
		slices.SortStableFunc(r, func(a, b *goPackage) int { return strings.Compare(group(a), group(b)) })
	}
	return []part{{"The program: a package imports only those in rows below it", rows}, {"Tools of its tests", []row{tests}}}
}

// group orders a row: commands first, then the protocol, then transfers.
func group(p *goPackage) string {
	first, _, _ := strings.Cut(p.path, "/")
	return map[string]string{".": "0", "internal": "1", "p2p": "2", "transfer": "3"}[first]
}

// reachable returns the paths of the packages that one imports, and of those that
// they import.
func reachable(all []*goPackage, from string) map[string]bool {
	seen := map[string]bool{from: true}
	for changed := true; changed; {
		changed = false
		for _, p := range all {
			for _, i := range p.imports {
				if seen[p.path] && !seen[i] {
					seen[i], changed = true, true
				}
			}
		}
	}
	return seen
}
