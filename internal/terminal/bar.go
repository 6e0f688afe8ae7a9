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
	leastCut     = 8  // columns below which the rest of a text is not worth showing
	leastFile    = 16 // columns that a file's name gets before the bar
	gap          = "  "
	barExtra     = len(" 100% ") + len(gap)
)

// lineLocked is the line of a Progress, in columns at most: a bar, the rate, the time left, the
// bytes, the description and the file. Where room is short the file is cut first, then the bar goes, then
// the bytes, the time left and the description.
func (p *Progress) lineLocked(columns int) string {
	head := string(`|/-\`[p.turn%4])
	if p.total > 0 {
		head = fmt.Sprintf("%4d%%", int(100*fraction(p.done, p.total)))
	}
	room := columns - Width(head)
	rate, left, bytes := p.figuresLocked()
	desc := Cut(VisibleText(p.desc), widestDesc)
	for _, part := range []*string{&rate, &desc, &left, &bytes} {
		switch n := Width(*part) + len(gap); {
		case *part == "":
		case n <= room:
			room -= n
		case part == &desc && room >= leastCut+len(gap):
			desc, room = Cut(desc, room-len(gap)), 0
		default:
			*part = ""
		}
	}
	file := VisibleName(p.file, p.fileRoom(room-len(gap)))
	if file != "" {
		room -= Width(file) + len(gap)
	}
	line := fit(columns, []string{rate, left, bytes, desc, file})
	if wide := room + Width(head) - barExtra; p.total > 0 && wide >= narrowestBar {
		head = bar(fraction(p.done, p.total), min(wide, widestBar))
	}
	return fit(columns, []string{head, line})
}

// fileRoom returns how many columns the file's name may have, of so many that are left. The bar has
// some of them, unless the name is short of room itself.
func (p *Progress) fileRoom(left int) int {
	most := min(left, widestDesc)
	if withBar := left - narrowestBar - barExtra + len(" 100%"); p.total > 0 && withBar >= leastFile {
		most = min(most, withBar)
	}
	if most < leastCut {
		return 0
	}
	return most
}

// figuresLocked are the rate, the time left, if it is known, and the bytes.
func (p *Progress) figuresLocked() (rate, left, bytes string) {
	r := p.meter.rate()
	if r > 0 && p.total > p.done {
		seconds := min(float64(p.total-p.done)/r, 99*24*3600)
		left = Left(time.Duration(seconds*float64(time.Second))) + " left"
	}
	bytes = Bytes(p.done)
	if p.total > 0 {
		bytes += " of " + Bytes(p.total)
	}
	return Rate(r), left, bytes
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
