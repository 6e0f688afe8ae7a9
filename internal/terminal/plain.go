package terminal

import (
	"bytes"
	"strings"
)

// A plainLine edits on a terminal that understands no escape sequences (TERM=dumb): only at the end of
// the line, with backspaces and spaces.
type plainLine struct {
	columns int
	shown   string
}

// draw makes the screen show a line.
func (p *plainLine) draw(b *bytes.Buffer, line string) {
	old := p.shown
	p.shown = line
	switch {
	case strings.HasPrefix(line, old):
		b.WriteString(line[len(old):])
	case Width(old) >= p.columns: // it cannot be gone back to
		b.WriteString("\r\n" + line)
	default:
		b.WriteString("\r" + strings.Repeat(" ", Width(old)) + "\r" + line)
	}
}

// leave ends the line.
func (p *plainLine) leave(b *bytes.Buffer) {
	b.WriteString("\r\n")
	p.shown = ""
}

// clear takes the line away, or leaves it where it is too long.
func (p *plainLine) clear(b *bytes.Buffer) {
	if Width(p.shown) >= p.columns {
		p.leave(b)
		return
	}
	p.draw(b, "")
}
