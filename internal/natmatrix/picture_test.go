package natmatrix

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// Sizes of the picture, in its own units.
const (
	cellWidth  = 118
	cellHeight = 46
	leftEdge   = 160
	topEdge    = 70
)

// style works on light and dark pages.
const style = `<style>
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 14px }
.small { font-size: 11px }
.direct { fill: #b7e4c7 } .birthday { fill: #ffe8a3 } .prediction { fill: #cfe3ff } .relay { fill: #f5c6c6 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .direct { fill: #1b5e3a } .birthday { fill: #6b5300 } .prediction { fill: #1d4477 } .relay { fill: #6e2b2b }
}
</style>
`

// draw draws the lower half of the matrix: a cell for each pair.
func draw(rows []row) []byte {
	place := make(map[string]int)
	for i, s := range sides {
		place[s.name] = i
	}
	var out bytes.Buffer
	width, height := leftEdge+len(sides)*cellWidth+10, topEdge+len(sides)*cellHeight+40
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">`+"\n", width, height, width, height)
	out.WriteString("<title>How two peers connect, by their NATs</title>\n" + style)
	write(&out, 10, 24, "title", "start", "Path, and milliseconds until both ends have it: median, 95th percentile")
	for i, s := range sides {
		write(&out, leftEdge-8, topEdge+i*cellHeight+28, "side", "end", s.name)
		write(&out, leftEdge+i*cellWidth+cellWidth/2, topEdge-10, "small", "middle", strings.TrimPrefix(s.name, "symmetric, "))
	}
	for _, r := range rows {
		drawCell(&out, place[r.b], place[r.a], r)
	}
	for i, w := range []string{"direct", "prediction", "birthday probing", "relay"} {
		x, y := leftEdge+i*2*cellWidth, topEdge+len(sides)*cellHeight+14
		fmt.Fprintf(&out, `<rect class="%s" x="%d" y="%d" width="14" height="14" rx="3"/>`+"\n", class(w), x, y)
		write(&out, x+20, y+12, "small", "start", legend(w))
	}
	out.WriteString("</svg>\n")
	return out.Bytes()
}

// class returns the style of a method: its first word.
func class(method string) string {
	first, _, _ := strings.Cut(method, " ")
	return first
}

func legend(method string) string {
	return map[string]string{
		"direct": "direct by checks", "prediction": "relay, then direct by prediction",
		"birthday probing": "relay, then direct by birthday probing", "relay": "relay",
	}[method]
}

func drawCell(out *bytes.Buffer, line, column int, r row) {
	x, y := leftEdge+column*cellWidth, topEdge+line*cellHeight
	fmt.Fprintf(out, `<rect class="%s" x="%d" y="%d" width="%d" height="%d" rx="4"/>`+"\n", class(r.method), x+2, y+2, cellWidth-4, cellHeight-4)
	name := class(r.method)
	if r.met < r.of {
		name = fmt.Sprintf("%s, %d of %d", name, r.met, r.of)
	}
	write(out, x+cellWidth/2, y+19, "small", "middle", name)
	write(out, x+cellWidth/2, y+35, "small", "middle", fmt.Sprintf("%d, %d", r.median/time.Millisecond, r.p95/time.Millisecond))
}

func write(out *bytes.Buffer, x, y int, class, anchor, text string) {
	fmt.Fprintf(out, `<text class="%s" x="%d" y="%d" text-anchor="%s">%s</text>`+"\n", class, x, y, anchor, text)
}
