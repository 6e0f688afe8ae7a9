package transfer

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLocalPath(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 255)
	for _, c := range []struct{ path, linux, windows string }{ // "": rejected
		{"a", "a", "a"},
		{"a/b.txt", "a/b.txt", "a/b.txt"},
		{"", "", ""},
		{"/etc/passwd", "", ""},
		{"..", "", ""},
		{"a/../b", "", ""},
		{"a/./b", "", ""},
		{"a//b", "", ""},
		{"a/", "", ""},
		{"a\x00b", "", ""},
		{long, long, long},
		{long + "n", "", ""},
		{strings.Repeat("n", 253) + "\n", "", ""},
		{strings.Repeat("a/", 99) + "a", strings.Repeat("a/", 99) + "a", strings.Repeat("a/", 99) + "a"},
		{strings.Repeat("a/", 100) + "a", "", ""},
		{`..\..\a`, `..\..\a`, `..%5C..%5Ca`},
		{`C:\a`, `C:\a`, `C%3A%5Ca`},
		{"a:stream", "a:stream", "a%3Astream"},
		{"CON", "CON", "%43ON"},
		{"con.txt", "con.txt", "%63on.txt"},
		{"nul .x", "nul .x", "%6Eul .x"},
		{"COM1", "COM1", "%43OM1"},
		{"LPT²", "LPT²", "%4CPT²"},
		{"COM", "COM", "COM"},
		{"console", "console", "console"},
		{"dot.", "dot.", "dot%2E"},
		{"...", "...", "..%2E"},
		{"space ", "space ", "space%20"},
		{"what?*", "what?*", "what%3F%2A"},
		{"\x1b[31mred", "%1B[31mred", "%1B[31mred"},
		{"new\nline", "new%0Aline", "new%0Aline"},
		{"\u009b31m", "%C2%9B31m", "%C2%9B31m"},
		{"100%", "100%", "100%"},
		{"100%25", "100%25", "100%25"},
		{"a%20b", "a%20b", "a%20b"},
		{"a%2520b", "a%2520b", "a%2520b"},
		{"a%20b\n", "a%2520b%0A", "a%2520b%0A"},
		{"a%0A", "a%250A", "a%250A"},
		{"a%250A", "a%25250A", "a%25250A"},
		{"a%3Ab", "a%3Ab", "a%253Ab"},
		{"%2Ep2ptool-partial", "%252Ep2ptool-partial", "%252Ep2ptool-partial"},
		{"%2f..", "%2f..", "%2f.%2E"},
		{"\xff\xfe", "\xff\xfe", "%FF%FE"},
		{"😀.png", "😀.png", "😀.png"},
		{"e\u0301", "e\u0301", "e\u0301"},
		{".p2ptool-partial/x", "%2Ep2ptool-partial/x", "%2Ep2ptool-partial/x"},
		{"a/.P2PTool-Partial", "a/%2EP2PTool-Partial", "a/%2EP2PTool-Partial"},
		{".p2p\u200ctool-partial", "%2Ep2p\u200ctool-partial", "%2Ep2p\u200ctool-partial"},
		{".bashrc", ".bashrc", ".bashrc"},
	} {
		for goos, want := range map[string]string{"linux": c.linux, "windows": c.windows} {
			got, err := localPath(c.path, goos)
			if got != want || (err != nil) != (want == "") || err != nil && !errors.Is(err, errName) {
				t.Errorf("localPath(%q, %s) = %q, %v, want %q", c.path, goos, got, err, want)
			}
		}
	}
}

func TestNumbered(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{"a.txt", "a (1).txt"},
		{"a", "a (1)"},
		{".bashrc", ".bashrc (1)"},
		{"a.tar.gz", "a (1).tar.gz"},
		{".tar.gz", ".tar (1).gz"},
		{"v1.2 final", "v1.2 final (1)"},
		{strings.Repeat("é", 125) + ".html", strings.Repeat("é", 123) + " (1).html"},
	} {
		if got := numbered(c[0], 1); got != c[1] {
			t.Errorf("numbered(%q) = %q, want %q", c[0], got, c[1])
		}
	}
}

func FuzzLocalName(f *testing.F) {
	for _, s := range []string{"a", "%41", "a%0A", "a%250A\n", "CON", "%43ON", "..", "a. ", "\xff%", ".p2ptool-partial"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := localPath(s, "windows")
		if err != nil {
			return
		}
		for _, n := range strings.Split(got, "/") {
			if isDevice(n) || looksLikeState(n) || strings.HasSuffix(n, ".") || strings.HasSuffix(n, " ") || !utf8.ValidString(n) ||
				strings.ContainsAny(n, "\\:*?\"<>|\x00\x1b\n") || len(n) > maxName {
				t.Errorf("%q became %q", s, got)
			}
		}
		names, locals := strings.Split(s, "/"), strings.Split(got, "/")
		for i, n := range names {
			if back := readBack(locals[i], "windows"); back != n {
				t.Errorf("%q became %q, which reads back as %q", n, locals[i], back)
			}
		}
	})
}

// readBack returns the name that was mapped to n.
func readBack(n, goos string) string {
	if m := unescape(n); isEscaped(m, goos) && escape(m, goos) == n {
		return m
	}
	return n
}
