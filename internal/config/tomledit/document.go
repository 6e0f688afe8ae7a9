// Package tomledit changes single tables and keys of a TOML document and leaves
// every other byte as it is: comments, order, spacing, line ends.
//
// The parser of go-toml gives the place of each key and value; edits are cuts at
// those places. Package config, which decodes with another parser, compares the
// document before and after with what was meant.
//
// A document is at most as large as its caller reads; it is trusted as far as its
// owner is.
package tomledit

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/pelletier/go-toml/v2/unstable"
)

// byteOrderMark may stand before a document.
const byteOrderMark = "\ufeff"

// A LineError is a part of a document that cannot be edited.
type LineError struct {
	Line int // from 1
	Text string
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Text) }

// A Document is a parsed TOML document.
type Document struct {
	mark  string // the byte order mark, if any
	text  []byte // without it
	items []item
}

// An item is a header, a key with its value, or a comment on lines of its own.
type item struct {
	kind       unstable.Kind
	path       []string // full: a key's has its table's before it
	keys       []span   // of the last parts of path, as they are written
	value      span     // of a value that has no parts
	inline     bool     // the value is an inline table
	start, end int      // of its lines, with the last one's end
}

// A span is a range of bytes.
type span struct{ start, end int }

// Parse reads a document.
func Parse(text string) (*Document, error) {
	d := &Document{text: []byte(text)}
	if bytes.HasPrefix(d.text, []byte(byteOrderMark)) {
		d.mark, d.text = byteOrderMark, d.text[len(byteOrderMark):]
	}
	p := unstable.Parser{KeepComments: true}
	p.Reset(d.text)
	var table []string
	for p.NextExpression() {
		i := d.item(p.Expression())
		switch i.kind {
		case unstable.Table, unstable.ArrayTable:
			table = i.path
		case unstable.KeyValue:
			i.path = append(slices.Clone(table), i.path...)
		}
		d.items = append(d.items, i)
	}
	if err := p.Error(); err != nil {
		return nil, err
	}
	return d, nil
}

// String returns the document's text.
func (d *Document) String() string { return d.mark + string(d.text) }

// item returns what an expression of the parser is.
func (d *Document) item(e *unstable.Node) item {
	i := item{kind: e.Kind}
	whole := spanOf(e.Raw)
	if e.Kind != unstable.Comment {
		for it := e.Key(); it.Next(); {
			i.path = append(i.path, string(it.Node().Data))
			i.keys = append(i.keys, spanOf(it.Node().Raw))
		}
	}
	switch e.Kind {
	case unstable.Table, unstable.ArrayTable:
		whole = span{i.keys[0].start, i.keys[len(i.keys)-1].end}
	case unstable.KeyValue:
		i.inline = e.Value().Kind == unstable.InlineTable
		i.value = spanOf(e.Value().Raw)
	}
	i.start, i.end = d.lineStart(whole.start), d.lineEnd(whole.end)
	return i
}

func spanOf(r unstable.Range) span { return span{int(r.Offset), int(r.Offset + r.Length)} }

// lineStart returns where the line of a byte begins.
func (d *Document) lineStart(at int) int { return bytes.LastIndexByte(d.text[:at], '\n') + 1 }

// lineEnd returns where the line behind the one of a byte begins.
func (d *Document) lineEnd(at int) int {
	if n := bytes.IndexByte(d.text[at:], '\n'); n >= 0 {
		return at + n + 1
	}
	return len(d.text)
}

// line returns the number of the line of a byte.
func (d *Document) line(at int) int { return bytes.Count(d.text[:at], []byte{'\n'}) + 1 }

// lineBreak returns how the document ends its lines.
func (d *Document) lineBreak() string {
	if n := bytes.IndexByte(d.text, '\n'); n > 0 && d.text[n-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// under reports whether a path is table or lies in it.
func under(path, table []string) bool {
	return len(path) >= len(table) && slices.Equal(path[:len(table)], table)
}
