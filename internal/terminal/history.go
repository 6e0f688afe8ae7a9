package terminal

import "strings"

// Limits of the history.
const (
	maxHistory      = 500
	maxHistoryBytes = 4 << 20
)

// A history is the lines entered before, the newest last, and a position among them. The zero value
// is empty.
type history struct {
	lines []string
	bytes int
	at    int    // len(lines) is the line that is not entered yet
	draft string // that line, while at points to another
}

// add appends a line and moves to the end.
func (h *history) add(line string) {
	if line != "" && (len(h.lines) == 0 || h.lines[len(h.lines)-1] != line) {
		h.lines = append(h.lines, line)
		h.bytes += len(line)
	}
	for len(h.lines) > maxHistory || h.bytes > maxHistoryBytes {
		h.bytes -= len(h.lines[0])
		h.lines = h.lines[1:]
	}
	h.at, h.draft = len(h.lines), ""
}

// move moves by the given number of lines and returns the line there; ok is false beyond the ends. It
// keeps the current line as the draft.
func (h *history) move(by int, current string) (line string, ok bool) {
	to := h.at + by
	if to < 0 || to > len(h.lines) {
		return "", false
	}
	if h.at == len(h.lines) {
		h.draft = current
	}
	h.at = to
	if to == len(h.lines) {
		return h.draft, true
	}
	return h.lines[to], true
}

// A search searches a history backwards.
type search struct {
	query string
	at    int    // the matching line
	old   buffer // the buffer before the search
}

// find moves to the last line before the given position that contains the query.
func (s *search) find(h *history, before int) bool {
	for i := min(before, len(h.lines)) - 1; i >= 0; i-- {
		if strings.Contains(h.lines[i], s.query) {
			s.at = i
			return true
		}
	}
	return false
}
