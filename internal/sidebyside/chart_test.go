package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/speed.svg")

const (
	figuresPath = "../../docs/performance.md"
	chartPath   = "../../docs/speed.svg"
)

// chartRows are the scenarios of the chart, with their captions.
var chartRows = []struct{ scenario, caption string }{
	{"loss-0", "100 Mbit/s, 50 ms"},
	{"loss-1", "with 1 % loss"},
	{"loss-20", "with 20 % loss"},
	{"long", "100 Mbit/s, 200 ms"},
}

// chartPrograms are the columns of the figures that the chart shows.
var chartPrograms = []string{"p2ptool", "scp", "rsync", "croc", "wormhole"}

// docs/speed.svg shows the figures of docs/performance.md.
func TestChart(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile(figuresPath)
	if err != nil {
		t.Fatal(err)
	}
	want := chart(t, figures(string(doc)))
	if *update {
		if err := os.WriteFile(chartPath, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(chartPath)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytes.ReplaceAll(got, []byte("\r\n"), []byte("\n")), want) {
		t.Errorf("%s is out of date; run go test ./internal/sidebyside -run Chart -update", chartPath)
	}
}

// figures parses the summary table: the cells of a scenario by program.
func figures(doc string) map[string]map[string]string {
	var programs []string
	all := make(map[string]map[string]string)
	for line := range strings.Lines(doc) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i, c := range cells {
			cells[i] = strings.TrimSpace(c)
		}
		switch {
		case cells[0] == "scenario":
			programs = cells
		case len(cells) < 3 || len(cells) != len(programs):
			programs = nil
		default:
			scenario, _, _ := strings.Cut(cells[0], ":")
			all[scenario] = make(map[string]string)
			for i, p := range programs {
				all[scenario][p] = cells[i]
			}
		}
	}
	return all
}

// chartStyle works on light and dark pages.
const chartStyle = `<style>
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 14px }
.p2ptool { fill: #2da44e } .other { fill: #afb8c1 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .p2ptool { fill: #3fb950 } .other { fill: #57606a } }
</style>
`

// chart draws a group of bars for each scenario: the shares of the path's rate.
func chart(t *testing.T, figures map[string]map[string]string) []byte {
	const left, full, bar, gap = 80, 260, 16, 34
	column := left + full + 70
	height := 40 + 2*(len(chartPrograms)*bar+gap)
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">`+"\n", 2*column, height, 2*column, height)
	b.WriteString("<title>Share of the path's rate, by program</title>\n" + chartStyle)
	text := func(x, y int, class, anchor, s string) {
		fmt.Fprintf(&b, `<text class="%s" x="%d" y="%d" text-anchor="%s">%s</text>`+"\n", class, x, y, anchor, s)
	}
	text(10, 20, "title", "start", "Sending one file of 64 MiB: share of the path's rate")
	for i, r := range chartRows {
		x, y := i%2*column+left, 60+i/2*(len(chartPrograms)*bar+gap)
		text(x, y-6, "title", "start", r.caption)
		for j, p := range chartPrograms {
			share, shown := parseShare(t, figures[r.scenario][p])
			class := "other"
			if p == "p2ptool" {
				class = p
			}
			top := y + j*bar
			text(x-6, top+12, "", "end", p)
			fmt.Fprintf(&b, `<rect class="%s" x="%d" y="%d" width="%d" height="%d"/>`+"\n", class, x, top+2, max(1, int(share*full)), bar-4)
			text(x+max(1, int(share*full))+5, top+12, "", "start", shown)
		}
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// parseShare returns the share of a cell such as "0.76 *", and its text.
func parseShare(t *testing.T, cell string) (float64, string) {
	t.Helper()
	shown := strings.TrimSpace(strings.TrimSuffix(cell, "*"))
	if shown == "fails" {
		return 0, shown
	}
	share, err := strconv.ParseFloat(shown, 64)
	if err != nil {
		t.Fatalf("cell %q: %v", cell, err)
	}
	return share, shown
}
