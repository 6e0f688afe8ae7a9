package terminal

import "strings"

// History keeps at most this many lines, and bytes of them.
const (
	maxHistory      = 500
	maxHistoryBytes = 4 << 20
)

// A history is the lines entered before, the newest last, and a place among them. The zero
// value is empty.
type history struct {
	lines []string
	bytes int
	at    int    // len(lines): the line that is not entered yet
	draft string // that line, while at is elsewhere
}

// add appends a line and goes to the end.
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

// move goes by so many lines, and returns the one there; ok is false at the end.
// The current line is kept as the draft.
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

// A search goes back through a history.
type search struct {
	query string
	at    int    // the line that matches
	old   buffer // what was being edited
}

// find goes to the last line before the given place that holds the query.
func (s *search) find(h *history, before int) bool {
	for i := min(before, len(h.lines)) - 1; i >= 0; i-- {
		if strings.Contains(h.lines[i], s.query) {
			s.at = i
			return true
		}
	}
	return false
}
