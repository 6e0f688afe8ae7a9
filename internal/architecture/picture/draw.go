package main

import (
	"fmt"
	"html"
	"io"
	"strings"
)

// Sizes in pixels; letters are about 6 wide.
const (
	margin     = 12
	boxWidth   = 240
	boxHeight  = 92
	gap        = 10
	boxesWide  = 5
	lineLength = 36
	maxLines   = 3
)

const style = `<style>
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 14px } .name { font-weight: 600 } .small { font-size: 11px; fill: #59636e }
.main { fill: #e7ecf0 } .internal { fill: #dbe9ff } .p2p { fill: #cdeed8 } .transfer { fill: #ffe9bf }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .small { fill: #9aa4ae }
  .main { fill: #30363d } .internal { fill: #1c3050 } .p2p { fill: #16402a } .transfer { fill: #50400e }
}
</style>
`

// draw writes the picture.
func draw(w io.Writer, parts []part) {
	var boxes strings.Builder
	y := margin
	for _, p := range parts {
		fmt.Fprintf(&boxes, "<text class=\"title\" x=\"%d\" y=\"%d\">%s</text>\n", margin, y+14, html.EscapeString(p.title))
		y += 26
		for _, r := range p.rows {
			y = drawRow(&boxes, r, y)
		}
		y += gap
	}
	width := 2*margin + boxesWide*(boxWidth+gap) - gap
	fmt.Fprintf(w, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %[1]d %[2]d\" width=\"%[1]d\" height=\"%[2]d\" role=\"img\">\n", width, y)
	fmt.Fprintf(w, "<title>The packages of p2ptool, above those that they import</title>\n%s%s</svg>\n", style, &boxes)
}

// drawRow draws a row, on several lines if it is long, and returns where the next one begins.
func drawRow(w io.Writer, r row, y int) int {
	for i, p := range r {
		x := margin + i%boxesWide*(boxWidth+gap)
		drawBox(w, p, x, y+i/boxesWide*(boxHeight+4))
	}
	lines := (len(r) + boxesWide - 1) / boxesWide
	return y + lines*(boxHeight+4) + 2*gap
}

func drawBox(w io.Writer, p *goPackage, x, y int) {
	class, name := "main", p.path
	switch first, _, _ := strings.Cut(p.path, "/"); first {
	case ".":
		name = "main"
	default:
		class = first
	}
	fmt.Fprintf(w, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"5\"/>\n", class, x, y, boxWidth, boxHeight)
	fmt.Fprintf(w, "<text class=\"name\" x=\"%d\" y=\"%d\">%s</text>\n", x+8, y+18, html.EscapeString(name))
	for i, l := range wrap(purpose(p.synopsis), lineLength, maxLines) {
		fmt.Fprintf(w, "<text class=\"small\" x=\"%d\" y=\"%d\">%s</text>\n", x+8, y+35+15*i, html.EscapeString(l))
	}
	fmt.Fprintf(w, "<text class=\"small\" x=\"%d\" y=\"%d\">%s</text>\n", x+8, y+boxHeight-8, size(p))
}

func size(p *goPackage) string {
	s := count(p.files, "file") + ", " + count(p.lines, "line")
	if p.goroutines > 0 {
		s += fmt.Sprintf(", goroutines: %d", p.goroutines)
	}
	return s
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// purpose returns a package's synopsis without "Package NAME".
func purpose(synopsis string) string {
	words := strings.Fields(synopsis)
	if len(words) > 2 && (words[0] == "Package" || words[0] == "Command") {
		words = words[2:]
	}
	return strings.TrimSuffix(strings.Join(words, " "), ".")
}

// wrap breaks a text into lines, and cuts it behind the last.
func wrap(text string, length, most int) (lines []string) {
	for _, word := range strings.Fields(text) {
		n := len(lines) - 1
		switch {
		case n >= 0 && len(lines[n])+1+len(word) <= length:
			lines[n] += " " + word
		case len(lines) == most:
			lines[n] += " …"
			return lines
		default:
			lines = append(lines, word)
		}
	}
	return lines
}
