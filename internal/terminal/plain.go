package terminal

import (
	"bytes"
	"strings"
)

// A plainLine draws on a terminal without escape sequences (TERM=dumb): it edits only at the end of
// the line, with carriage returns and spaces.
type plainLine struct {
	columns int
	shown   string
}

// draw shows a line.
func (p *plainLine) draw(b *bytes.Buffer, line string) {
	old := p.shown
	p.shown = line
	switch {
	case strings.HasPrefix(line, old):
		b.WriteString(line[len(old):])
	case Width(old) >= p.columns: // it has wrapped and cannot be erased
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

// clear erases the line, or leaves it if it has wrapped.
func (p *plainLine) clear(b *bytes.Buffer) {
	if Width(p.shown) >= p.columns {
		p.leave(b)
		return
	}
	p.draw(b, "")
}
