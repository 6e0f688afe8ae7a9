package tomledit

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// A Pair is a key with its value, a string.
type Pair struct{ Key, Value string }

// Lines returns a table with string values as a document has it, each line with
// an end.
func Lines(table []string, pairs ...Pair) string {
	var b strings.Builder
	b.WriteString("[" + dotted(table) + "]\n")
	for _, p := range pairs {
		b.WriteString(quoteKey(p.Key) + " = " + quote(p.Value) + "\n")
	}
	return b.String()
}

// AddTable returns the document with a new table behind everything else. RemoveTable
// of it gives the same bytes as before. It is an error if the table would stand within
// an inline table.
func (d *Document) AddTable(table []string, pairs ...Pair) (string, error) {
	if err := d.editable(table); err != nil {
		return "", err
	}
	added := Lines(table, pairs...)
	text := string(d.text)
	switch {
	case text == "":
	case strings.HasSuffix(text, "\n"):
		added = "\n" + added
	default: // the end has no line break, so the new one gets none either
		added = "\n\n" + strings.TrimSuffix(added, "\n")
	}
	return d.mark + text + strings.ReplaceAll(added, "\n", d.lineBreak()), nil
}

// RemoveTable returns the document without a table: its header with the comment
// that touches it, its keys and the comments among them, its subtables, and one blank
// line before it. It is an error if the table stands within an inline table.
func (d *Document) RemoveTable(table []string) (string, error) {
	if err := d.editable(table); err != nil {
		return "", err
	}
	var cuts []span
	for n := 0; n < len(d.items); n++ {
		i := d.items[n]
		switch {
		case i.kind == unstable.Comment || !under(i.path, table):
		case i.kind == unstable.KeyValue:
			cuts = append(cuts, span{i.start, i.end})
		default:
			last := d.lastOf(n)
			cuts = append(cuts, d.withBlank(span{d.commentAbove(n), d.items[last].end}))
			n = last
		}
	}
	return d.mark + d.without(cuts), nil
}

// lastOf returns the last item of the table whose header is item n: its last key, or
// a comment that touches that and no other header.
func (d *Document) lastOf(n int) int {
	last := n
	next := n + 1
	for ; next < len(d.items); next++ {
		kind := d.items[next].kind
		if kind == unstable.Table || kind == unstable.ArrayTable {
			break
		}
		if kind == unstable.KeyValue {
			last = next
		}
	}
	k := last
	for k+1 < next && d.items[k+1].start == d.items[k].end {
		k++
	}
	if next < len(d.items) && d.items[next].start == d.items[k].end {
		return last // the comments are the next header's
	}
	return k
}

// commentAbove returns where the comment begins that touches the header n, or where
// the header does.
func (d *Document) commentAbove(n int) int {
	start := d.items[n].start
	for n--; n >= 0 && d.items[n].kind == unstable.Comment && d.items[n].end == start; n-- {
		start = d.items[n].start
	}
	return start
}

// withBlank adds a blank line to what is cut: the one before it, and where there is
// none and nothing stands before, the one behind it. At an end of the document that
// has no line break, it takes the one before as well.
func (d *Document) withBlank(s span) span {
	if d.isBlank(s.start) {
		s.start = d.lineStart(s.start - 1)
	} else if s.start == 0 && s.end < len(d.text) && d.isBlank(d.lineEnd(s.end)) {
		s.end = d.lineEnd(s.end)
	}
	if s.end == len(d.text) && s.start > 0 && d.text[s.end-1] != '\n' {
		s.start = len(strings.TrimSuffix(strings.TrimSuffix(string(d.text[:s.start]), "\n"), "\r"))
	}
	return s
}

// isBlank reports whether the line that ends at a byte is blank.
func (d *Document) isBlank(end int) bool {
	return end > 0 && strings.TrimSpace(string(d.text[d.lineStart(end-1):end])) == ""
}

// without returns the text without some ranges of it.
func (d *Document) without(cuts []span) string {
	var b strings.Builder
	at := 0
	for _, c := range cuts {
		b.Write(d.text[at:max(at, c.start)])
		at = c.end
	}
	b.Write(d.text[at:])
	return b.String()
}

// Rename returns the document with another name for a table, wherever it is
// written. It is an error if the table stands within an inline table.
func (d *Document) Rename(table []string, name string) (string, error) {
	if err := d.editable(table); err != nil {
		return "", err
	}
	var spots []span
	for _, i := range d.items {
		part := len(table) - 1 - (len(i.path) - len(i.keys)) // of the keys that the item writes
		if under(i.path, table) && part >= 0 {
			spots = append(spots, i.keys[part])
		}
	}
	return d.mark + d.replace(spots, quoteKey(name)), nil
}

// SetString returns the document with another string as the value of a key. If it has no such key, the key is
// added to its table: behind the header, or behind a dotted key of that table, or with a new table at the end.
// It is an error if the key stands within an inline table.
func (d *Document) SetString(key []string, value string) (string, error) {
	if err := d.editable(key); err != nil {
		return "", err
	}
	table, name := key[:len(key)-1], key[len(key)-1]
	var behind *item
	line := quoteKey(name)
	for n, i := range d.items {
		switch {
		case i.kind == unstable.KeyValue && slices.Equal(i.path, key):
			return d.mark + d.replace([]span{i.value}, quote(value)), nil
		case behind != nil:
		case i.kind == unstable.Table && slices.Equal(i.path, table):
			behind = &d.items[n]
		case i.kind == unstable.KeyValue && len(i.keys) == len(i.path) && len(i.path) == len(key) && under(i.path, table):
			behind, line = &d.items[n], dotted(key)
		}
	}
	if behind == nil {
		return d.AddTable(table, Pair{name, value})
	}
	line += " = " + quote(value)
	if text := d.text[:behind.end]; bytes.HasSuffix(text, []byte("\n")) {
		line += d.lineBreak()
	} else {
		line = d.lineBreak() + line
	}
	return d.mark + d.replace([]span{{behind.end, behind.end}}, line), nil
}

func (d *Document) replace(spots []span, by string) string {
	var b strings.Builder
	at := 0
	for _, s := range spots {
		b.Write(d.text[at:s.start])
		b.WriteString(by)
		at = s.end
	}
	b.Write(d.text[at:])
	return b.String()
}

// editable returns an error if a table or key stands within an inline table.
func (d *Document) editable(path []string) error {
	for _, i := range d.items {
		if i.kind == unstable.KeyValue && len(i.path) < len(path) && under(path, i.path) {
			return &LineError{d.line(i.start), strconv.Quote(dotted(i.path)) + " is an inline table; edit it by hand"}
		}
	}
	return nil
}

// dotted returns a path as a header has it.
func dotted(path []string) string {
	parts := make([]string, len(path))
	for i, p := range path {
		parts[i] = quoteKey(p)
	}
	return strings.Join(parts, ".")
}

// quoteKey returns a key, in quotes if it cannot stand without.
func quoteKey(key string) string {
	if key != "" && strings.Trim(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == "" {
		return key
	}
	return quote(key)
}

// quote returns a basic string of TOML.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r < 0x20 || r == 0x7f:
			b.WriteString(`\u00` + string("0123456789ABCDEF"[r>>4]) + string("0123456789ABCDEF"[r&15]))
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
