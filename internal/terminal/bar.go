package terminal

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
)

const (
	widestBar    = 30
	narrowestBar = 8
	widestDesc   = 40
	leastCut     = 8 // columns below which the rest of a text is not worth showing
	gap          = "  "
	barExtra     = len(" 100% ") + len(gap)
)

// lineLocked is the line of a Progress, in columns at most. Where room is
// short the description goes first, then the bar, then the last figures.
func (p *Progress) lineLocked(columns int) string {
	head := string(`|/-\`[p.turn%4])
	if p.total > 0 {
		head = fmt.Sprintf("%4d%%", int(100*fraction(p.done, p.total)))
	}
	figures := fit(columns-Width(head)-len(gap), p.figuresLocked())
	room := columns - Width(head) - len(gap) - Width(figures)
	if p.total > 0 && room > narrowestBar {
		room -= narrowestBar + 1
	}
	desc := ""
	if room >= leastCut+len(gap) {
		desc = VisibleName(p.desc, min(room-len(gap), widestDesc))
	}
	line := fit(columns, []string{figures, desc})
	if wide := columns - Width(line) - barExtra; p.total > 0 && wide >= narrowestBar {
		head = bar(fraction(p.done, p.total), min(wide, widestBar))
	}
	return fit(columns, []string{head, line})
}

// figuresLocked are, with what matters most first, the rate, the time left and
// the bytes.
func (p *Progress) figuresLocked() []string {
	rate := p.meter.rate()
	figures := []string{Rate(rate)}
	if rate > 0 && p.total > p.done {
		left := min(float64(p.total-p.done)/rate, 99*24*3600)
		figures = append(figures, Duration(max(time.Second, time.Duration(left*float64(time.Second)).Round(time.Second)))+" left")
	}
	if p.total <= 0 {
		return append(figures, Bytes(p.done))
	}
	return append(figures, Bytes(p.done)+" of "+Bytes(p.total))
}

// fit joins as many of the parts as fit into columns; the one that does not is
// cut if something of it can be seen.
func fit(columns int, parts []string) string {
	line := ""
	for _, part := range parts {
		if part == "" {
			continue
		}
		if line != "" {
			part = gap + part
		}
		room := columns - Width(line)
		if Width(part) > room {
			if line == "" || room >= leastCut {
				line += Cut(part, max(0, room))
			}
			return line
		}
		line += part
	}
	return line
}

// fraction is how much of total is done, from 0 to 1.
func fraction(done, total int64) float64 {
	return min(1, max(0, float64(done)/float64(total)))
}

// bar draws a bar of width columns with its percentage before it. The library
// is used for its drawing alone, afresh each time: when to draw, how wide and
// what beside the bar is decided here.
func bar(part float64, width int) string {
	const steps = 1000
	b := progressbar.NewOptions64(steps,
		progressbar.OptionSetWriter(io.Discard),
		progressbar.OptionSetWidth(width),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionSetSpinnerChangeInterval(0),
		progressbar.OptionSetTheme(progressbar.Theme{
			Saucer: "█", SaucerPadding: "░", BarStart: "", BarEnd: "",
		}))
	b.Set64(int64(math.Floor(part * steps)))
	b.Describe("") // draws, also at zero
	return strings.TrimRight(strings.TrimPrefix(b.String(), "\r"), " ")
}
