package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A result collects the outcomes of a tool's turns.
type result struct {
	tool     string
	outcomes []outcome
	failed   int
}

func (r *result) add(o outcome, err error) {
	if err != nil {
		r.failed++
		return
	}
	r.outcomes = append(r.outcomes, o)
}

// each returns a figure of every turn, sorted.
func each[T cmp.Ordered](r result, figure func(outcome) T) []T {
	all := make([]T, 0, len(r.outcomes))
	for _, o := range r.outcomes {
		all = append(all, figure(o))
	}
	slices.Sort(all)
	return all
}

// quantile returns a quantile of a sorted slice by the nearest rank, or zero if it is empty.
func quantile[T any](sorted []T, q float64) (v T) {
	if len(sorted) == 0 {
		return v
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func median[T any](sorted []T) T { return quantile(sorted, .5) }

// A table shows a scenario's results in Markdown.
type table struct {
	scenario
	results []result
}

// A column has a heading and a cell for each result. A column without any text is left out.
type column struct {
	head string
	cell func(result) string
}

func (t table) write(w io.Writer) {
	reference, name := t.reference()
	columns := []column{
		{"program", func(r result) string { return r.tool }},
		{"of " + name, func(r result) string { return share(r, reference) }},
		{"the other flow", func(r result) string { return other(r, reference) }},
		{"round trip during it", func(r result) string { return trips(r, func(o outcome) []time.Duration { return o.trips }) }},
		{"round trip of a chat line", func(r result) string { return trips(r, func(o outcome) []time.Duration { return o.chat }) }},
		{"CPU s per GB, both sides", cpu},
		{"peak MiB, both sides", peak},
		{"", remarks},
	}
	columns = slices.DeleteFunc(columns, func(c column) bool {
		return !slices.ContainsFunc(t.results, func(r result) bool { return c.cell(r) != "" })
	})
	fmt.Fprintf(w, "\n**%s** (%s; %s: %.3g MB/s)\n\n", t.title, t.scenario.name, name, reference/1e6)
	row(w, columns, func(c column) string { return c.head })
	row(w, columns, func(column) string { return "---" })
	for _, r := range t.results {
		row(w, columns, func(c column) string { return c.cell(r) })
	}
}

// writeSummary writes the rates of all scenarios in one table, with a column per program.
func writeSummary(w io.Writer, tables []table, programs []tool) {
	cell := func(t table, program string) string {
		reference, _ := t.reference()
		i := slices.IndexFunc(t.results, func(r result) bool { return r.tool == program })
		if i < 0 || len(t.results[i].outcomes) == 0 {
			return ""
		}
		return fmt.Sprintf("%.2f", median(each(t.results[i], outcome.rate))/reference)
	}
	programs = slices.DeleteFunc(slices.Clone(programs), func(p tool) bool {
		return !slices.ContainsFunc(tables, func(t table) bool { return cell(t, p.name) != "" })
	})
	head, rule := "| scenario | share of |", "| --- | --- |"
	for _, p := range programs {
		head, rule = head+" "+p.name+" |", rule+" --- |"
	}
	fmt.Fprintf(w, "\n%s\n%s\n", head, rule)
	for _, t := range tables {
		_, name := t.reference()
		fmt.Fprintf(w, "| %s | %s |", t.scenario.name, name)
		for _, p := range programs {
			fmt.Fprintf(w, " %s |", cell(t, p.name))
		}
		fmt.Fprintln(w)
	}
}

func row(w io.Writer, columns []column, text func(column) string) {
	cells := make([]string, len(columns))
	for i, c := range columns {
		cells[i] = text(c)
	}
	fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
}

// reference returns the rate to which the others are compared, and its name. If it was not
// measured, it is 1 MB/s.
func (t table) reference() (rate float64, name string) {
	if t.referenceTool == "" {
		return t.way.rate / 8, "the path"
	}
	for _, r := range t.results {
		if r.tool == t.referenceTool {
			return median(each(r, outcome.rate)), t.referenceTool
		}
	}
	return 1e6, "1 MB/s"
}

// share returns the rates relative to a reference: median, least and most.
func share(r result, reference float64) string {
	all := each(r, outcome.rate)
	switch len(all) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("%.2f", all[0]/reference)
	}
	return fmt.Sprintf("%.2f (%.2f to %.2f)", median(all)/reference, all[0]/reference, all[len(all)-1]/reference)
}

func other(r result, reference float64) string {
	rate := median(each(r, func(o outcome) float64 { return o.other }))
	if rate == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", rate/reference)
}

// trips returns the median and the 95th percentile of the round trips of all turns.
func trips(r result, of func(outcome) []time.Duration) string {
	var all []time.Duration
	for _, o := range r.outcomes {
		all = append(all, of(o)...)
	}
	if len(all) == 0 {
		return ""
	}
	slices.Sort(all)
	return fmt.Sprintf("%d ms, 95 %%: %d ms", median(all).Milliseconds(), quantile(all, .95).Milliseconds())
}

func cpu(r result) string {
	side := func(of func(outcome) usage) float64 {
		return median(each(r, func(o outcome) float64 { return of(o).cpu.Seconds() / max(float64(o.bytes), 1) * 1e9 }))
	}
	if !slices.ContainsFunc(r.outcomes, func(o outcome) bool { return o.bytes >= 1<<20 }) {
		return ""
	}
	return fmt.Sprintf("%.1f + %.1f", side(func(o outcome) usage { return o.sender }), side(func(o outcome) usage { return o.receiver }))
}

func peak(r result) string {
	side := func(of func(outcome) usage) int64 {
		return median(each(r, func(o outcome) int64 { return of(o).memory })) >> 20
	}
	if len(r.outcomes) == 0 {
		return ""
	}
	return fmt.Sprintf("%d + %d", side(func(o outcome) usage { return o.sender }), side(func(o outcome) usage { return o.receiver }))
}

func remarks(r result) string {
	var all []string
	if r.failed > 0 {
		all = append(all, fmt.Sprintf("failed: %d of %d", r.failed, r.failed+len(r.outcomes)))
	}
	if cut := len(slices.DeleteFunc(slices.Clone(r.outcomes), func(o outcome) bool { return !o.cut })); cut > 0 {
		all = append(all, fmt.Sprintf("not done in time: %d of %d", cut, len(r.outcomes)))
	}
	return strings.Join(all, ", ")
}
