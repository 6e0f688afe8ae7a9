package terminal

import (
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// maxText is the most bytes that may be typed or pasted before Enter: more than what any
// caller takes as a line, so that it can say what is too long.
const maxText = 1 << 20

// A buffer is the text that is being edited and the place of the cursor in it. What it moves over
// and deletes are whole characters as a person sees them: grapheme clusters.
type buffer struct {
	text []byte // UTF-8
	at   int    // in bytes
	cut  string // what was deleted last in one piece, to insert it again
}

func (b *buffer) String() string { return string(b.text) }

// set replaces the text and goes to its end.
func (b *buffer) set(s string) { b.text, b.at = []byte(s), len(s) }

// insert reports false where there would be too much.
func (b *buffer) insert(s string) bool {
	if len(b.text)+len(s) > maxText {
		return false
	}
	b.text = slices.Insert(b.text, b.at, []byte(s)...)
	b.at += len(s)
	return true
}

// before returns where the character before the cursor begins.
func (b *buffer) before() int {
	if b.at == 0 {
		return 0
	}
	if b.text[b.at-1] < utf8.RuneSelf {
		return b.at - 1
	}
	from := b.at - 1 // a place where a character begins, a while before
	for from > 0 && b.text[from] >= utf8.RuneSelf {
		from--
	}
	for from < b.at {
		n := clusterLen(b.text[from:b.at])
		if from+n >= b.at {
			break
		}
		from += n
	}
	return from
}

// after returns where the character at the cursor ends.
func (b *buffer) after() int { return b.at + clusterLen(b.text[b.at:]) }

func clusterLen(text []byte) int {
	if len(text) == 0 {
		return 0
	}
	cluster, _, _, _ := uniseg.FirstGraphemeCluster(text, -1)
	return len(cluster)
}

// wordBefore returns where the word before the cursor begins. Words are what isWord says.
func (b *buffer) wordBefore(isWord func(rune) bool) int {
	at := b.at
	for inWord := false; at > 0; {
		r, n := utf8.DecodeLastRune(b.text[:at])
		if inWord && !isWord(r) {
			break
		}
		inWord = isWord(r)
		at -= n
	}
	return at
}

// wordAfter returns where the word at or after the cursor ends.
func (b *buffer) wordAfter(isWord func(rune) bool) int {
	at := b.at
	for inWord := false; at < len(b.text); {
		r, n := utf8.DecodeRune(b.text[at:])
		if inWord && !isWord(r) {
			break
		}
		inWord = isWord(r)
		at += n
	}
	return at
}

// isLetter tells words from what is between them, for moving.
func isLetter(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) }

// notSpace does, for erasing.
func notSpace(r rune) bool { return !unicode.IsSpace(r) }

// delete deletes from one place to another, and leaves the cursor there.
func (b *buffer) delete(from, to int) {
	b.text = slices.Delete(b.text, from, to)
	b.at = from
}

// kill is delete of what can be inserted again.
func (b *buffer) kill(from, to int) {
	if from < to {
		b.cut = string(b.text[from:to])
		b.delete(from, to)
	}
}

// transpose swaps the characters before and at the cursor, at the end the last two.
func (b *buffer) transpose() {
	if b.at == len(b.text) {
		b.at = b.before()
	}
	from, at, to := b.before(), b.at, b.after()
	if from == at || at == to {
		b.at = to
		return
	}
	swapped := append(slices.Clone(b.text[at:to]), b.text[from:at]...)
	copy(b.text[from:to], swapped)
	b.at = to
}
