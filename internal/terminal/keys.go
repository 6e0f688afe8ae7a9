package terminal

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// A keyKind is the function of a key.
type keyKind int

const (
	keyNone  keyKind = iota
	keyText          // inserts its text
	keyPaste         // inserts its text, which may contain any characters, with \n between lines
	keyEnter
	keyTab
	keyBackspace
	keyDelete
	keyLeft
	keyRight
	keyWordLeft
	keyWordRight
	keyUp
	keyDown
	keyHome
	keyEnd
	keyKillEnd
	keyKillStart
	keyKillWord
	keyEraseWord
	keyYank
	keyTranspose
	keySearch
	keyEscape
	keyClear
	keyInterrupt
	keyEOF
	keySuspend
)

// A key is a pressed key or a paste.
type key struct {
	kind keyKind
	text string
}

// controls are the keys of control characters, as in Emacs and most shells.
var controls = map[byte]keyKind{
	'A' & 31: keyHome, 'B' & 31: keyLeft, 'C' & 31: keyInterrupt, 'D' & 31: keyEOF, 'E' & 31: keyEnd,
	'F' & 31: keyRight, 'G' & 31: keyEscape, 'H' & 31: keyBackspace, '\t': keyTab, '\n': keyEnter, '\r': keyEnter,
	'K' & 31: keyKillEnd, 'L' & 31: keyClear, 'N' & 31: keyDown, 'P' & 31: keyUp, 'R' & 31: keySearch,
	'T' & 31: keyTranspose, 'U' & 31: keyKillStart, 'W' & 31: keyEraseWord, 'Y' & 31: keyYank,
	'Z' & 31: keySuspend, 0x7f: keyBackspace,
}

// sequences are the keys of escape sequences, without the escape.
var sequences = map[string]keyKind{
	"[A": keyUp, "[B": keyDown, "[C": keyRight, "[D": keyLeft, "[H": keyHome, "[F": keyEnd,
	"OA": keyUp, "OB": keyDown, "OC": keyRight, "OD": keyLeft, "OH": keyHome, "OF": keyEnd,
	"[1~": keyHome, "[7~": keyHome, "[4~": keyEnd, "[8~": keyEnd, "[3~": keyDelete,
	"[1;5C": keyWordRight, "[1;5D": keyWordLeft, "[1;3C": keyWordRight, "[1;3D": keyWordLeft,
	"[1;5H": keyHome, "[1;5F": keyEnd, "[3;5~": keyKillWord,
	"b": keyWordLeft, "f": keyWordRight, "d": keyKillWord, "\x7f": keyEraseWord, "\b": keyEraseWord,
}

const (
	escape     = '\x1b'
	pasteBegin = "[200~"
	pasteEnd   = "\x1b[201~"

	// longestSequence bounds an escape sequence.
	longestSequence = 32
)

// A keyDecoder decodes the bytes of a terminal to keys. The zero value is ready.
type keyDecoder struct {
	rest    []byte // the beginning of a key, or of the end of a paste
	pasting bool
	paste   []byte
}

// feed returns the keys that the bytes complete.
func (d *keyDecoder) feed(b []byte) (keys []key) {
	d.rest = append(d.rest, b...)
	for len(d.rest) > 0 {
		k, n := d.next()
		if n == 0 {
			break
		}
		d.rest = d.rest[n:]
		if k.kind != keyNone {
			keys = append(keys, k)
		}
	}
	return keys
}

// escapePending reports whether the input ends with an escape, which is either a key or the
// beginning of one. If nothing follows soon, it is a key.
func (d *keyDecoder) escapePending() bool {
	return len(d.rest) > 0 && d.rest[0] == escape && !d.pasting
}

// endEscape decodes the pending escape as a key.
func (d *keyDecoder) endEscape() []key {
	if !d.escapePending() {
		return nil
	}
	rest := d.rest[1:]
	d.rest = nil
	return append([]key{{kind: keyEscape}}, d.feed(rest)...)
}

// next decodes the first key and returns its length, or 0 if it is not complete.
func (d *keyDecoder) next() (key, int) {
	b := d.rest
	switch {
	case d.pasting:
		return d.pasted()
	case b[0] == escape:
		return d.sequence()
	case b[0] < ' ' || b[0] == 0x7f:
		return key{kind: controls[b[0]]}, 1
	}
	n := 0
	for n < len(b) && b[n] >= ' ' && b[n] != 0x7f {
		if !utf8.FullRune(b[n:]) {
			break
		}
		_, size := utf8.DecodeRune(b[n:])
		n += size
	}
	return key{keyText, strings.ToValidUTF8(string(b[:n]), string(utf8.RuneError))}, n
}

// pasted decodes a paste up to its end.
func (d *keyDecoder) pasted() (key, int) {
	text, _, ended := bytes.Cut(d.rest, []byte(pasteEnd))
	if !ended { // part of the end may be there
		text = text[:max(0, len(text)-len(pasteEnd)+1)]
	}
	d.paste = append(d.paste, text[:min(len(text), max(0, maxText+1-len(d.paste)))]...)
	if !ended {
		return key{}, len(text)
	}
	k := key{keyPaste, lines(string(d.paste))}
	d.pasting, d.paste = false, nil
	return k, len(text) + len(pasteEnd)
}

// lines converts all line ends to \n and removes the last one: the user presses Enter.
func lines(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.ToValidUTF8(s, string(utf8.RuneError)))
	return strings.TrimSuffix(s, "\n")
}

// sequence decodes an escape sequence.
func (d *keyDecoder) sequence() (key, int) {
	n := sequenceLen(d.rest)
	if n == 0 {
		return key{}, 0
	}
	s := string(d.rest[1:n])
	if s == pasteBegin {
		d.pasting = true
		return key{}, n
	}
	return key{kind: sequences[s]}, n
}

// sequenceLen returns the length of the sequence at the beginning of b, which begins with an
// escape, or 0 if it is not complete.
func sequenceLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case escape:
		return 1 // a key, and the beginning of another
	case 'O':
		if len(b) < 3 {
			return 0
		}
		return 3
	case '[':
		for i := 2; i < len(b); i++ {
			if b[i] >= '@' && b[i] <= '~' || i == longestSequence {
				return i + 1
			}
		}
		return 0
	}
	if !utf8.FullRune(b[1:]) {
		return 0
	}
	_, size := utf8.DecodeRune(b[1:])
	return 1 + size
}
