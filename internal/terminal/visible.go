// Package terminal is the user interface of the commands: text that is safe to show, readable
// figures, a line editor, questions and progress.
//
// It uses only the files that it is given, and no environment variables. Only internal/cmd
// uses it.
//
// Whom it trusts: no text. Callers pass text from a peer through Visible or VisibleName
// before they show it; Progress does that itself, an Editor does not.
package terminal

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible returns s with everything that a terminal interprets, or that a reader cannot see,
// replaced by an escape such as \x1b, \n or \u202e: control and format characters, line and
// paragraph separators, bytes that are not UTF-8, and noncharacters. Ordinary text of any script
// stays as it is. So do joiners and variation selectors where they have a purpose: within emoji,
// and within words of scripts that need them. Of consecutive combining marks, maxMarks stay: more
// would reach into other lines.
//
// A backslash stays a backslash: the result is for reading, not for parsing.
func Visible(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	before := rune(-1) // the previous rune if it was not escaped, else -1
	marks := 0         // in a row
	for i := 0; i < len(s); {
		if n := flagLen(s[i:]); n > 0 {
			b.WriteString(s[i : i+n])
			i, before = i+n, -1
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if marks++; !unicode.Is(unicode.M, r) {
			marks = 0
		}
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
			before = -1
		case marks <= maxMarks && harmless(before, r, s[i+n:]):
			b.WriteRune(r)
			before = r
		default:
			writeEscape(&b, r)
			before = -1
		}
		i += n
	}
	return b.String()
}

// VisibleText is like Visible but keeps tabs, for text on lines of its own.
func VisibleText(s string) string {
	parts := strings.Split(s, "\t")
	for i, p := range parts {
		parts[i] = Visible(p)
	}
	return strings.Join(parts, "\t")
}

// maxMarks is more than any script puts on one letter.
const maxMarks = 8

func writeEscape(b *strings.Builder, r rune) {
	switch {
	case r == '\n':
		b.WriteString(`\n`)
	case r == '\r':
		b.WriteString(`\r`)
	case r == '\t':
		b.WriteString(`\t`)
	case r < 0x100:
		fmt.Fprintf(b, `\x%02x`, r)
	case r < 0x10000:
		fmt.Fprintf(b, `\u%04x`, r)
	default:
		fmt.Fprintf(b, `\U%08x`, r)
	}
}

const (
	zwnj        = '\u200c'
	zwj         = '\u200d'
	textStyle   = '\ufe0e'
	emojiStyle  = '\ufe0f'
	blackFlag   = "\U0001f3f4"
	cancelTag   = '\U000e007f'
	firstTone   = '\U0001f3fb'
	lastTone    = '\U0001f3ff'
	firstTag    = '\U000e0030'
	lastTag     = '\U000e007a'
	longestFlag = 8 // tags in a flag: two letters of a country, up to three of a region, and some room
)

// harmless reports whether r may be shown between the rune before it, or -1, and the text after
// it.
func harmless(before, r rune, behind string) bool {
	switch {
	case r < 0x7f:
		return r >= ' '
	case r == zwnj:
		return joins(before)
	case r == zwj:
		next, _ := utf8.DecodeRuneInString(behind)
		return joins(before) || pictographic(before) && pictographic(next)
	case unicode.Is(unicode.Variation_Selector, r):
		return varies(before, r)
	case unicode.Is(unicode.Prepended_Concatenation_Mark, r):
		return true // of category Cf, but visible
	}
	return !hidden(r)
}

// hidden reports whether r is invisible.
func hidden(r rune) bool {
	switch r {
	case '\u034f', // combining grapheme joiner
		'\u115f', '\u1160', '\u3164', '\uffa0', // Hangul fillers
		'\u17b4', '\u17b5', // Khmer inherent vowels
		'\u2800': // braille blank
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Cs, unicode.Zl, unicode.Zp,
		unicode.Noncharacter_Code_Point, unicode.Other_Default_Ignorable_Code_Point)
}

// joins reports whether r is a letter or mark of a script in which joiners change the shape of
// words.
func joins(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M) && unicode.In(r,
		unicode.Arabic, unicode.Syriac, unicode.Mongolian, unicode.Nko, unicode.Mandaic,
		unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya,
		unicode.Tamil, unicode.Telugu, unicode.Kannada, unicode.Malayalam, unicode.Sinhala,
		unicode.Khmer, unicode.Myanmar, unicode.Tibetan, unicode.Balinese, unicode.Javanese)
}

// pictographic reports whether r can be next to a joiner in an emoji.
func pictographic(r rune) bool {
	return r == emojiStyle || r >= firstTone && r <= lastTone ||
		unicode.Is(unicode.So, r) && r != utf8.RuneError ||
		r == '\u2194' || r == '\u2195' || r == '\u27a1' || r == '\u2640' || r == '\u2642'
}

// varies reports whether the variation selector r has a meaning after the rune before it.
func varies(before, r rune) bool {
	switch {
	case r == textStyle || r == emojiStyle:
		return unicode.In(before, unicode.S, unicode.Nd, unicode.Po)
	case r >= 0xe0100:
		return unicode.Is(unicode.Han, before)
	case unicode.Is(unicode.Mongolian, r):
		return unicode.Is(unicode.Mongolian, before) && unicode.IsLetter(before)
	}
	return unicode.In(before, unicode.Han, unicode.Sm, unicode.Myanmar)
}

// flagLen returns the length in bytes of a regional flag at the beginning of s: a black flag, tag
// characters for the region, and a cancel tag. Anywhere else tag characters hide text.
func flagLen(s string) int {
	rest, ok := strings.CutPrefix(s, blackFlag)
	if !ok {
		return 0
	}
	tags := 0
	for i, r := range rest {
		switch {
		case r == cancelTag && tags > 0:
			return len(blackFlag) + i + utf8.RuneLen(r)
		case r < firstTag || r > lastTag || tags == longestFlag:
			return 0
		}
		tags++
	}
	return 0
}
