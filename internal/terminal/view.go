package terminal

import (
	"bytes"
	"os"
	"strings"
)

// A view draws an Editor on the screen.
type view struct {
	out        *os.File
	plain      bool
	remoteEcho bool         // the terminal's other side shows typed characters itself
	background bool         // another process has the terminal
	closed     bool         // the Editor is closed
	area       area         // unless plain
	line       plainLine    // if plain
	buf        bytes.Buffer // output that is not written yet
}

func (v *view) attach() {
	v.background = false
	v.area.forget()
	v.line.shown = ""
	v.buf.WriteByte('\r')
	v.escape("\x1b[J\x1b[?2004h") // the last enables bracketed paste
}

func (v *view) detach() {
	v.clear()
	v.escape("\x1b[?2004l")
	v.flush()
	v.background = true
}

// escape writes an escape sequence, unless the terminal is plain.
func (v *view) escape(s string) {
	if !v.plain {
		v.buf.WriteString(s)
	}
}

func (v *view) bell() { v.buf.WriteByte('\a') }

func (v *view) clear() {
	if v.plain {
		v.line.clear(&v.buf)
		return
	}
	v.area.clear(&v.buf)
}

// leave keeps the line on the screen and moves below it.
func (v *view) leave() {
	if v.plain {
		v.line.leave(&v.buf)
		return
	}
	v.area.leave(&v.buf)
}

func (v *view) clearScreen() {
	v.area.forget()
	v.escape("\x1b[H\x1b[2J")
}

// above prints lines above the edited line, which the next show redraws.
func (v *view) above(text string) {
	if !v.background {
		v.clear()
	}
	v.buf.WriteString(strings.ReplaceAll(text, "\n", "\r\n") + "\r\n")
}

func (v *view) resize(columns, lines int) {
	v.line.columns = columns
	if v.area.columns == columns && v.area.lines == lines {
		return
	}
	v.area.resize(columns, lines)
	if !v.background && !v.plain {
		v.area.clear(&v.buf)
	}
}

// show draws the edited line.
func (v *view) show(prompt string, t *typing) {
	switch {
	case v.background || v.closed:
	case v.plain && v.remoteEcho:
		v.line.draw(&v.buf, prompt)
	case v.plain:
		v.line.draw(&v.buf, prompt+Visible(t.String()))
	default:
		before, after := t.shown(prompt)
		v.area.draw(&v.buf, layOut(before, after, v.area.columns))
	}
}

// flush writes the buffer. It ignores errors: reading detects a terminal that is gone.
func (v *view) flush() {
	if v.buf.Len() > 0 {
		v.out.Write(v.buf.Bytes())
		v.buf.Reset()
	}
}
