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
	leastCut     = 8  // fewer columns of a text are not worth showing
	leastFile    = 16 // columns reserved for a file's name before the bar
	gap          = "  "
	barExtra     = len(" 100% ") + len(gap)
)

// lineLocked returns the line of a Progress, at most columns wide: a bar, the rate, the time left, the
// bytes, the description and the file. On a narrow terminal it cuts the file first, then drops the bar,
// the bytes, the time left and the description.
func (p *Progress) lineLocked(columns int) string {
	head := string(`|/-\`[p.spin%4])
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

// fileRoom returns how many of the columns left the file's name may use. The bar gets some of them, unless
// the name would become too short.
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

// figuresLocked returns the rate, the time left if known, and the bytes.
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

// fit joins as many of the parts as fit into columns, and cuts the next one if enough of it fits.
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

// fraction returns done/total, from 0 to 1.
func fraction(done, total int64) float64 {
	return min(1, max(0, float64(done)/float64(total)))
}

// bar returns a bar of width columns with a percentage before it. It uses the library only to
// draw, with a new bar each time; Progress decides when and how wide to draw.
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
