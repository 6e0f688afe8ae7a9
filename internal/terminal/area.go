package terminal

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/rivo/uniseg"
)

// tabStop is the distance of tab stops in columns.
const tabStop = 8

// A layout is text broken into rows, and the position of the cursor.
type layout struct {
	rows     []string
	row, col int
}

// layOut breaks text into rows of at most the given columns. A wide character that does not fit at the
// end of a row begins the next. The cursor is between before and after.
func layOut(before, after string, columns int) layout {
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

// A wrapper breaks text into rows.
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

// text adds text. Only \n and tabs are interpreted; all other control characters are made visible.
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

// An area is the rows at the bottom of the screen in which a line is edited. It draws only changes,
// into a buffer that the caller writes.
type area struct {
	columns, lines int // of the screen
	rows           []string
	row, col       int // of the cursor, from the area's beginning
	top            int // the first visible row of the layout
}

// draw shows a layout, or as much of it around the cursor as fits.
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
	case strings.HasPrefix(row, a.rows[i]) && row[len(a.rows[i])] < 0x80: // not a combining mark
		a.move(b, i, Width(a.rows[i]))
		b.WriteString(row[len(a.rows[i]):])
	default:
		a.move(b, i, 0)
		b.WriteString(row)
		if Width(row) < a.columns { // in a full row it would erase the last character
			b.WriteString("\x1b[K")
		}
	}
	a.col = Width(row)
}

// move moves the cursor to an existing row. Every move starts at the first column, since the cursor may be
// past the last.
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

// leave moves the cursor below the area and ends the area, which stays on the screen.
func (a *area) leave(b *bytes.Buffer) {
	if len(a.rows) > 0 {
		a.move(b, len(a.rows)-1, 0)
		b.WriteString("\r\n")
	}
	a.forget()
}

// clear erases the area.
func (a *area) clear(b *bytes.Buffer) {
	a.move(b, 0, 0)
	b.WriteString("\r\x1b[J")
	a.forget()
}

// forget begins a new area at the cursor, which is at the beginning of a row.
func (a *area) forget() { a.rows, a.row, a.col, a.top = nil, 0, 0, 0 }

// resize sets the size of the screen. Most terminals wrap rows that have become too long; the area then
// begins at the new place of its first row.
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
