package terminal

import (
	"slices"
	"strings"
	"testing"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	for bytes, want := range map[string][]key{
		"a日\x7f":                                 {{keyText, "a日"}, {kind: keyBackspace}},
		"\x1b[A\x1bOB\x1b[1;5C":                  {{kind: keyUp}, {kind: keyDown}, {kind: keyWordRight}},
		"\x1b[999;9~x":                           {{keyText, "x"}}, // has no meaning
		"\x1b\x1bb":                              {{kind: keyWordLeft}},
		"\xff\xfe":                               {{keyText, "\ufffd"}},
		"\x1b[200~a\r\nb\x1b[A\x03\r\x1b[201~\r": {{keyPaste, "a\nb\x1b[A\x03"}, {kind: keyEnter}},
	} {
		var d keyDecoder
		if got := d.feed([]byte(bytes)); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", bytes, got, want)
		}
	}
	var d keyDecoder
	if d.feed([]byte{escape}); !d.escapePending() {
		t.Error("a single escape is not pending")
	}
	if got := d.endEscape(); !slices.Equal(got, []key{{kind: keyEscape}}) || d.escapePending() {
		t.Errorf("single escape: %v", got)
	}
}

// The keys do not depend on how the bytes are split.
func FuzzKeys(f *testing.F) {
	f.Add([]byte("x\x1b[A\x1b[200~p\r\n\x1b[20\x1b[201~\xe6\x97\xa5\xff\x1b\x1bO"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var once, each keyDecoder
		whole := once.feed(b)
		var parts []key
		for i := range b {
			parts = append(parts, each.feed(b[i:i+1])...)
		}
		if got, want := joined(parts), joined(whole); got != want {
			t.Errorf("%q: byte by byte %q, at once %q", b, got, want)
		}
	})
}

// joined formats keys so that it does not matter how text is split.
func joined(keys []key) string {
	var b strings.Builder
	for _, k := range keys {
		if k.kind != keyText {
			b.WriteByte(byte(k.kind))
		}
		b.WriteString(strings.ReplaceAll(k.text, "\ufffd", ""))
	}
	return b.String()
}

// A layout is not wider than the columns, and contains the cursor.
func FuzzLayOut(f *testing.F) {
	f.Add("> 日本\tx", "é\n\x1b[A", 10)
	f.Fuzz(func(t *testing.T, before, after string, columns int) {
		columns = max(2, columns%200)
		l := layOut(before, after, columns)
		for _, row := range l.rows {
			if strings.ContainsAny(row, "\n\x1b") || Width(row) > columns+8 {
				t.Errorf("a row of %d of %d columns: %q", Width(row), columns, row)
			}
		}
		if l.row >= len(l.rows) || l.col > columns {
			t.Errorf("the cursor is at row %d of %d, column %d of %d", l.row, len(l.rows), l.col, columns)
		}
	})
}
