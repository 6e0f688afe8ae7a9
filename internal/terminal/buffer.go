package terminal

import (
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// maxText is the largest text that can be typed or pasted before Enter, in bytes. It is larger than
// any caller's limit, so that the caller can report a line that is too long.
const maxText = 1 << 20

// A buffer is the text that is being edited and the cursor. It moves over and deletes whole
// user-perceived characters: grapheme clusters (UAX #29).
type buffer struct {
	text []byte // UTF-8
	at   int    // the cursor, in bytes
	cut  string // the last killed text, for yank
}

func (b *buffer) String() string { return string(b.text) }

// set replaces the text and moves to its end.
func (b *buffer) set(s string) { b.text, b.at = []byte(s), len(s) }

// insert inserts at the cursor. It returns false if the text would become too long.
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
	from := b.at - 1 // an earlier place where a character begins
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

// wordBefore returns where the word before the cursor begins; isWord reports which runes are part of
// words.
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

// isLetter is the isWord of moving.
func isLetter(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) }

// notSpace is the isWord of erasing.
func notSpace(r rune) bool { return !unicode.IsSpace(r) }

// delete deletes a range and moves the cursor there.
func (b *buffer) delete(from, to int) {
	b.text = slices.Delete(b.text, from, to)
	b.at = from
}

// kill deletes a range and keeps it for yank.
func (b *buffer) kill(from, to int) {
	if from < to {
		b.cut = string(b.text[from:to])
		b.delete(from, to)
	}
}

// transpose swaps the characters before and at the cursor, or the last two at the end.
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
