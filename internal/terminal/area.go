package terminal

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/rivo/uniseg"
)

// tabStop is how far apart the columns are that tabs go to.
const tabStop = 8

// A layout is text in the rows of a screen, and where the cursor is.
type layout struct {
	rows     []string
	row, col int
}

// lay breaks text into rows of at most so many columns. Characters stay whole: where a wide one does not
// fit at the end of a row it begins the next. The cursor is between before and after.
func lay(before, after string, columns int) layout {
	w := wrapper{columns: columns}
	w.text(before)
	if w.col == columns {
		w.breakRow()
	}
	l := layout{row: len(w.rows), col: w.col}
	w.text(after)
	l.rows = append(w.rows, w.row.String())
	return l
}

// A wrapper makes rows of text.
type wrapper struct {
	columns int
	rows    []string
	row     strings.Builder
	col     int
}

func (w *wrapper) breakRow() {
	w.rows = append(w.rows, w.row.String())
	w.row.Reset()
	w.col = 0
}

// text adds text of which only \n and tabs do something; whatever else a terminal might obey is made
// visible.
func (w *wrapper) text(s string) {
	for s != "" {
		n := strings.IndexAny(s, "\n\t")
		switch {
		case n < 0:
			w.visible(Visible(s))
			return
		case n > 0:
			w.visible(Visible(s[:n]))
		}
		if s[n] == '\n' {
			w.breakRow()
		} else {
			w.visible(strings.Repeat(" ", tabStop-w.col%tabStop))
		}
		s = s[n+1:]
	}
}

func (w *wrapper) visible(s string) {
	state := -1
	for s != "" {
		var cluster string
		var width int
		cluster, s, width, state = uniseg.FirstGraphemeClusterInString(s, state)
		if w.col+width > w.columns {
			w.breakRow()
		}
		w.row.WriteString(cluster)
		w.col += width
	}
}

// An area is the rows at the bottom of the screen in which a line is edited. It draws only what
// has changed, into a buffer that the caller writes.
type area struct {
	columns, lines int // of the screen
	rows           []string
	row, col       int // where the cursor is, from the area's beginning
	top            int // the first row of the layout that is seen
}

// draw makes the screen show a layout, or as much of it around the cursor as fits.
func (a *area) draw(b *bytes.Buffer, l layout) {
	if most := max(1, a.lines-1); len(l.rows) > most {
		a.top = max(min(a.top, l.row, len(l.rows)-most), l.row-most+1, 0)
		l.rows, l.row = l.rows[a.top:a.top+most], l.row-a.top
	} else {
		a.top = 0
	}
	for i, row := range l.rows {
		a.drawRow(b, i, row)
	}
	if len(a.rows) > len(l.rows) {
		a.move(b, len(l.rows), 0)
		b.WriteString("\x1b[J")
	}
	a.rows = l.rows
	a.move(b, l.row, l.col)
}

func (a *area) drawRow(b *bytes.Buffer, i int, row string) {
	switch {
	case i >= len(a.rows):
		if i > 0 {
			a.move(b, i-1, 0)
			b.WriteString("\r\n")
		}
		a.row, a.col = i, 0
		b.WriteString(row)
	case a.rows[i] == row:
		return
	case strings.HasPrefix(row, a.rows[i]) && row[len(a.rows[i])] < 0x80: // no mark for what is there
		a.move(b, i, Width(a.rows[i]))
		b.WriteString(row[len(a.rows[i]):])
	default:
		a.move(b, i, 0)
		b.WriteString(row)
		if Width(row) < a.columns { // else the last character would be erased
			b.WriteString("\x1b[K")
		}
	}
	a.col = Width(row)
}

// move puts the cursor on a row that is there. From behind the last column every move begins at the first.
func (a *area) move(b *bytes.Buffer, row, col int) {
	if row == a.row && col == a.col {
		return
	}
	b.WriteByte('\r')
	switch {
	case row < a.row:
		fmt.Fprintf(b, "\x1b[%dA", a.row-row)
	case row > a.row:
		fmt.Fprintf(b, "\x1b[%dB", row-a.row)
	}
	if col > 0 {
		fmt.Fprintf(b, "\x1b[%dC", col)
	}
	a.row, a.col = row, col
}

// leave puts the cursor on a row of its own below the area, which is over then: what it shows stays.
func (a *area) leave(b *bytes.Buffer) {
	if len(a.rows) > 0 {
		a.move(b, len(a.rows)-1, 0)
		b.WriteString("\r\n")
	}
	a.forget()
}

// clear takes the area away.
func (a *area) clear(b *bytes.Buffer) {
	a.move(b, 0, 0)
	b.WriteString("\r\x1b[J")
	a.forget()
}

// forget begins an area at the cursor, which is at the beginning of a row.
func (a *area) forget() { a.rows, a.row, a.col, a.top = nil, 0, 0, 0 }

// resize follows the screen. Most terminals break the rows anew that are too long now; what is drawn next
// begins where the first of them went.
func (a *area) resize(columns, lines int) {
	if columns < a.columns {
		row := a.col / columns
		for _, r := range a.rows[:min(a.row, len(a.rows))] {
			row += max(1, (Width(r)+columns-1)/columns)
		}
		a.row = row
	}
	a.columns, a.lines = columns, lines
}
