package terminal

import (
	"os"
	"strings"

	"github.com/rivo/uniseg"
	"golang.org/x/term"
)

// defaultColumns is the width of a terminal whose width is unknown.
const defaultColumns = 80

// IsTerminal reports whether f is a terminal.
func IsTerminal(f *os.File) bool { return f != nil && term.IsTerminal(int(f.Fd())) }

// Columns returns the width of the terminal f, or 80 if it is unknown.
func Columns(f *os.File) int {
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
		return w
	}
	return defaultColumns
}

// Width returns the width of s on a terminal in columns.
func Width(s string) int { return uniseg.StringWidth(s) }

// VisibleName is like Visible, for a name within a line: at most columns wide. A longer name is
// shortened in the middle, so that a file keeps its extension.
func VisibleName(s string, columns int) string {
	// Names are first cut in bytes, so that a huge name costs no more.
	if most := 16 * max(columns, 1); len(s) > 2*most {
		s = s[:most] + "…" + s[len(s)-most:]
	}
	v := Visible(s)
	if Width(v) <= columns {
		return v
	}
	tail := suffix(v, (columns-1)/3)
	return prefix(v, columns-1-Width(tail)) + ellipsis(columns) + tail
}

// Cut returns the beginning of s, at most columns wide, with "…" at the end if it was cut.
func Cut(s string, columns int) string {
	if Width(s) <= columns {
		return s
	}
	return prefix(s, columns-1) + ellipsis(columns)
}

func ellipsis(columns int) string {
	if columns < 1 {
		return ""
	}
	return "…"
}

// prefix returns as many characters from the beginning of s as fit.
func prefix(s string, columns int) string {
	var b strings.Builder
	for g := uniseg.NewGraphemes(s); g.Next(); {
		if columns -= g.Width(); columns < 0 {
			break
		}
		b.WriteString(g.Str())
	}
	return b.String()
}

// suffix returns as many characters from the end of s as fit.
func suffix(s string, columns int) string {
	skip := Width(s) - columns
	g := uniseg.NewGraphemes(s)
	for skip > 0 && g.Next() {
		skip -= g.Width()
		if _, to := g.Positions(); skip <= 0 {
			return s[to:]
		}
	}
	return s
}
