package transfer

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The rule for names.
//
// A path on the wire is names joined by "/". It is rejected, and that file alone
// with it, if it is empty, absolute, longer than maxPath bytes or deeper than maxDepth,
// or if a name is empty, ".", "..", holds a zero byte, or is longer than maxName bytes
// once it was mapped.
//
// A name without a byte that it cannot have here stays as it is, "a%20b" too. In others
// each such byte is escaped: written as "%" and two upper-case hexadecimal
// digits; and so is a "%" that stands before two such digits. A name that looks just like the outcome of
// that is escaped as well, so that no two names become one: it is read back
// by undoing it if that gives a name that is escaped to the same. These bytes are
//
//   - everywhere: control characters, which could give orders to a terminal, and
//     the first byte of a name that begins like the state folder;
//   - on Windows: \ : * ? " < > |, a dot or space at the end, and the first byte of a
//     device's name such as CON, whatever its extension;
//   - on Windows and macOS: bytes that are not UTF-8.
//
// Names that differ here but not on the disk (upper and lower case, two forms of an é)
// are not told apart by this rule: the second file finds its name taken, and is renamed or
// skipped like any other; two folders become one. Where files are replaced, it is renamed as well, for
// no file of a transfer replaces another of it.
const (
	maxPath  = 4096
	maxName  = 255
	maxDepth = 100
)

// errName is what a rejected path matches.
var errName = errors.New("impossible name")

// localPath maps a path on the wire to the one to use on goos, below the target folder.
func localPath(p, goos string) (string, error) {
	if p == "" || len(p) > maxPath {
		return "", fmt.Errorf("%w: path of %d bytes", errName, len(p))
	}
	names := strings.Split(p, "/")
	if len(names) > maxDepth {
		return "", fmt.Errorf("%w: %d folders deep", errName, len(names))
	}
	for i, n := range names {
		if n == "" || n == "." || n == ".." || strings.IndexByte(n, 0) >= 0 {
			return "", fmt.Errorf("%w: %q", errName, n)
		}
		names[i] = localName(n, goos)
		if len(names[i]) > maxName {
			return "", fmt.Errorf("%w: name of %d bytes", errName, len(names[i]))
		}
	}
	return path.Join(names...), nil
}

func localName(n, goos string) string {
	if isEscaped(n, goos) {
		return escape(n, goos)
	}
	return n
}

// isEscaped reports whether a name is escaped here: since it has to be, or since it could be taken for
// another one that was. Each turn has a shorter name.
func isEscaped(n, goos string) bool {
	for {
		if mustEscapeAny(n, goos) {
			return true
		}
		m := unescape(n)
		if m == n || escape(m, goos) != n {
			return false
		}
		n = m
	}
}

func mustEscapeAny(n, goos string) bool {
	for i := 0; i < len(n); {
		r, size := utf8.DecodeRuneInString(n[i:])
		if mustEscape(n, i, r, size, goos) {
			return true
		}
		i += size
	}
	return false
}

// unescape undoes escape.
func unescape(n string) string {
	var b strings.Builder
	for i := 0; i < len(n); i++ {
		if n[i] == '%' && escapesByte(n, i) {
			c, _ := strconv.ParseUint(n[i+1:i+3], 16, 8)
			b.WriteByte(byte(c))
			i += 2
		} else {
			b.WriteByte(n[i])
		}
	}
	return b.String()
}

// escape writes the bytes that cannot stay, and each "%" that could be taken for one of them.
func escape(n, goos string) string {
	var b strings.Builder
	for i := 0; i < len(n); {
		r, size := utf8.DecodeRuneInString(n[i:])
		if mustEscape(n, i, r, size, goos) || r == '%' && escapesByte(n, i) {
			for _, c := range []byte(n[i : i+size]) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		} else {
			b.WriteString(n[i : i+size])
		}
		i += size
	}
	return b.String()
}

// mustEscape reports whether the rune r of size bytes at n[i] cannot stay as it is.
func mustEscape(n string, i int, r rune, size int, goos string) bool {
	switch {
	case r < 0x20 || r >= 0x7f && r < 0xa0:
		return true
	case r == utf8.RuneError && size == 1:
		return goos == "windows" || goos == "darwin"
	case i == 0 && looksLikeState(n):
		return true
	case goos == "windows":
		last := i+size == len(n)
		return strings.ContainsRune(`\:*?"<>|`, r) || last && (r == '.' || r == ' ') || i == 0 && isDevice(n)
	}
	return false
}

// escapesByte reports whether two upper-case hexadecimal digits follow n[i].
func escapesByte(n string, i int) bool { return len(n) >= i+3 && isHex(n[i+1]) && isHex(n[i+2]) }

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'A' && c <= 'F' }

// looksLikeState reports whether a disk could take n for the state folder: disks
// ignore case, and that of macOS some characters that cannot be seen.
func looksLikeState(n string) bool {
	plain := strings.Map(func(r rune) rune {
		if r >= 0x80 {
			return -1
		}
		return r
	}, n)
	return strings.HasPrefix(strings.ToLower(plain), stateFolder)
}

// isDevice reports whether n names a device on Windows.
func isDevice(n string) bool {
	stem, _, _ := strings.Cut(n, ".")
	stem = strings.ToUpper(strings.TrimRight(stem, " "))
	switch stem {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	digit, ok := strings.CutPrefix(stem, "COM")
	if !ok {
		digit, ok = strings.CutPrefix(stem, "LPT")
	}
	return ok && (len(digit) == 1 && digit[0] >= '0' && digit[0] <= '9' || digit == "¹" || digit == "²" || digit == "³")
}

// numbered returns the name to try when base was taken n times: "name (n).ext". Two
// endings are kept together where the last one is that of a compression.
func numbered(base string, n int) string {
	ext := extension(base)
	suffix := fmt.Sprintf(" (%d)", n)
	stem := base[:len(base)-len(ext)]
	for len(stem)+len(suffix)+len(ext) > maxName && stem != "" {
		_, size := utf8.DecodeLastRuneInString(stem)
		stem = stem[:len(stem)-size]
	}
	return stem + suffix + ext
}

func extension(base string) string {
	ext := path.Ext(base)
	if len(ext) == len(base) || len(ext) > 16 || strings.ContainsAny(ext, " ") {
		return ""
	}
	switch ext {
	case ".gz", ".xz", ".bz2", ".zst":
		if path.Ext(strings.TrimSuffix(base, ext)) == ".tar" && len(base) > len(".tar")+len(ext) {
			return ".tar" + ext
		}
	}
	return ext
}
