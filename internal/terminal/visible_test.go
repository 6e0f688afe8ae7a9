package terminal

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestVisible(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"nothing", "", ""},
		{"ASCII", ` !"\n~ C:\dir`, ` !"\n~ C:\dir`},
		{"marks", "e\u0301\u0323", "e\u0301\u0323"},
		{"a tower of marks", "e" + strings.Repeat("\u0301", 10) + "e\u0301", "e" + strings.Repeat("\u0301", 8) + `\u0301\u0301` + "e\u0301"},
		{"clear screen", "\x1b[2Jx", `\x1b[2Jx`},
		{"window title", "\x1b]0;evil\x07", `\x1b]0;evil\x07`},
		{"line ends", "a\r\nb\tc", `a\r\nb\tc`},
		{"NUL, DEL, backspace", "a\x00\x7f\b", `a\x00\x7f\x08`},
		{"C1", "\u009b31m\u0085", `\x9b31m\x85`},
		{"C1 as bytes", "\x9b31m", `\x9b31m`},
		{"invalid UTF-8", "a\xffb\xc3", `a\xffb\xc3`},
		{"surrogate", "\xed\xa0\x80", `\xed\xa0\x80`},
		{"replacement character", "\ufffd", "\ufffd"},
		{"noncharacters", "\ufffe\U0001ffff", `\ufffe\U0001ffff`},
		{"bidi overrides", "\u202aa\u202b\u202c\u202d\u202egpj.exe", `\u202aa\u202b\u202c\u202d\u202egpj.exe`},
		{"bidi isolates", "\u2066\u2067\u2068\u2069", `\u2066\u2067\u2068\u2069`},
		{"bidi marks", "\u200e\u200f\u061c", `\u200e\u200f\u061c`},
		{"separators", "a\u2028b\u2029", `a\u2028b\u2029`},
		{"nothing to see", "\u200b\ufeff\u2060\u2064\u00ad\u180e", `\u200b\ufeff\u2060\u2064\xad\u180e`},
		{"fillers", "\u115f\u1160\u3164\uffa0\u034f\u2800", `\u115f\u1160\u3164\uffa0\u034f\u2800`},
		{"shorthand controls", "\U0001bca0", `\U0001bca0`},
		{"Latin", "naïve Straße – “ja”", "naïve Straße – “ja”"},
		{"combining marks", "e\u0301", "e\u0301"},
		{"Hebrew and Arabic", "שלום مرحبا", "שלום مرحبا"},
		{"Arabic year sign", "\u0601١٢", "\u0601١٢"},
		{"CJK", "漢字かなカナ한글", "漢字かなカナ한글"},
		{"Persian with ZWNJ", "می\u200cخواهم", "می\u200cخواهم"},
		{"Hindi with ZWJ", "क्\u200dष", "क्\u200dष"},
		{"Sinhala with ZWJ", "ශ්\u200dරී", "ශ්\u200dරී"},
		{"joiners in Latin", "a\u200cb\u200dc", `a\u200cb\u200dc`},
		{"joiners first", "\u200dx", `\u200dx`},
		{"two joiners", "می\u200c\u200cخ", "می\u200c" + `\u200cخ`},
		{"family", "👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"},
		{"heart on fire", "❤\ufe0f\u200d🔥", "❤\ufe0f\u200d🔥"},
		{"woman shrugging, dark", "🤷🏿\u200d♀\ufe0f", "🤷🏿\u200d♀\ufe0f"},
		{"pirate flag", "🏴\u200d☠\ufe0f", "🏴\u200d☠\ufe0f"},
		{"ZWJ behind an emoji", "👩\u200d", `👩\u200d`},
		{"keycap", "1\ufe0f\u20e3 #\ufe0f\u20e3", "1\ufe0f\u20e3 #\ufe0f\u20e3"},
		{"regional flag", "🇩🇪", "🇩🇪"},
		{"Scotland", "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f", "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"},
		{"hidden tags", "x\U000e0067\U000e0062\U000e007f", `x\U000e0067\U000e0062\U000e007f`},
		{"flag of hidden text", "🏴" + strings.Repeat("\U000e0067", 9) + "\U000e007f", "🏴" + strings.Repeat(`\U000e0067`, 9) + `\U000e007f`},
		{"flag without end", "🏴\U000e0067", `🏴\U000e0067`},
		{"variation of a letter", "a\ufe0f", `a\ufe0f`},
		{"variation of nothing", "\ufe0f", `\ufe0f`},
		{"two variations", "❤\ufe0f\ufe0f", "❤\ufe0f" + `\ufe0f`},
		{"ideographic variation", "葛\U000e0100", "葛\U000e0100"},
		{"ideographic variation of Latin", "a\U000e0100", `a\U000e0100`},
	} {
		if got := Visible(c.in); got != c.want {
			t.Errorf("%s: Visible(%+q) = %+q, want %+q", c.name, c.in, got, c.want)
		}
	}
}

// forbidden reports whether r must never reach a terminal.
func forbidden(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp, unicode.Cs) ||
		r == '\u200b' || r == '\ufeff' || r == '\u2060'
}

func TestVisibleEveryRune(t *testing.T) {
	t.Parallel()
	const page = 256
	for first := rune(0); first < unicode.MaxRune; first += page {
		var all strings.Builder
		for r := first; r < first+page; r++ {
			all.WriteRune(r)
			if shape := unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S); shape && !hidden(r) && !harmless(-1, r, "") {
				t.Errorf("%U %q is escaped", r, r)
			}
		}
		if v := Visible(all.String()); !utf8.ValidString(v) || strings.ContainsFunc(v, forbidden) {
			t.Errorf("Visible(%U...) = %+q", first, v)
		}
	}
}

func FuzzVisible(f *testing.F) {
	f.Add("\x1b[2J\u202e\xff👩\u200d👧")
	f.Add("🏴\U000e0067\U000e007f می\u200cخ")
	f.Fuzz(func(t *testing.T, s string) {
		for _, v := range []string{Visible(s), VisibleName(s, 20), VisibleName(s, 1)} {
			if !utf8.ValidString(v) || strings.ContainsFunc(v, forbidden) {
				t.Errorf("%+q becomes %+q", s, v)
			}
		}
		if v := Visible(s); Visible(v) != v {
			t.Errorf("%+q becomes %+q, then %+q", s, v, Visible(v))
		}
		for _, columns := range []int{0, 1, 2, 3, 20} {
			if v := VisibleName(s, columns); Width(v) > columns {
				t.Errorf("VisibleName(%+q, %d) = %+q, %d wide", s, columns, v, Width(v))
			}
			if v := Cut(Visible(s), columns); Width(v) > columns {
				t.Errorf("Cut(%+q, %d) = %+q, %d wide", s, columns, v, Width(v))
			}
		}
	})
}

func TestVisibleName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in      string
		columns int
		want    string
	}{
		{"notes.txt", 9, "notes.txt"},
		{"notes.txt", 8, "notes…xt"},
		{"a rather long file name.tar.gz", 20, "a rather long…tar.gz"},
		{"漢字漢字漢字", 7, "漢字…字"},
		{"漢字漢字漢字", 12, "漢字漢字漢字"},
		{"x\n\x1b[2J", 20, `x\n\x1b[2J`},
		{strings.Repeat("x", 1<<20) + ".iso", 10, "xxxxxx…iso"},
		{"x", 1, "x"},
		{"xy", 1, "…"},
		{"xy", 0, ""},
	} {
		if got := VisibleName(c.in, c.columns); got != c.want {
			t.Errorf("VisibleName(%.40q, %d) = %q, want %q", c.in, c.columns, got, c.want)
		}
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in      string
		columns int
		want    string
	}{
		{"hello", 5, "hello"}, {"hello", 4, "hel…"}, {"hello", 1, "…"}, {"hello", 0, ""},
		{"漢字", 3, "漢…"}, {"漢字", 2, "…"}, {"👩\u200d👧x", 2, "…"}, {"e\u0301e\u0301e", 2, "e\u0301…"},
	} {
		if got := Cut(c.in, c.columns); got != c.want {
			t.Errorf("Cut(%q, %d) = %q, want %q", c.in, c.columns, got, c.want)
		}
	}
}
