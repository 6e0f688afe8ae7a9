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
// A path on the wire consists of names joined by "/". A path is rejected if it is empty,
// absolute, longer than maxPath bytes or deeper than maxDepth, or if one of its names is
// empty, ".", "..", contains a zero byte, or is longer than maxName bytes after escaping.
// Only that file fails.
//
// A name without forbidden bytes stays as it is, even "a%20b". In other names, each
// forbidden byte is escaped as "%" and two upper-case hexadecimal digits, and so is a "%"
// before two such digits. A name that looks like an escaped one is escaped as well, so that
// two names never become the same. To read a name back, unescape it if the rule maps the
// result to that name again. The forbidden bytes are
//
//   - everywhere: control characters, which could control a terminal, and the first byte
//     of a name that begins like the partial folder;
//   - on Windows: \ : * ? " < > |, a dot or space at the end, and the first byte of a
//     device name such as CON, whatever its extension;
//   - on Windows and macOS: bytes that are not UTF-8.
//
// This rule does not distinguish names that differ here but not on disk (upper and lower
// case, two forms of an é). The second file then finds its name taken, and is renamed or
// skipped like any other. Two folders become one. With Overwrite the file is renamed as well,
// because no file of a transfer replaces another one of the same transfer.
const (
	maxPath  = 4096
	maxName  = 255
	maxDepth = 100
)

// errName is the error for a rejected path.
var errName = errors.New("impossible name")

// localPath maps a path on the wire to a path below the target folder on goos.
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

// isEscaped reports whether a name is escaped on goos: because it must be, or because it looks like the
// escaped form of another name. The name gets shorter with each iteration.
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

// escape escapes the forbidden bytes, and each "%" that looks like an escape.
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

// mustEscape reports whether the rune r of size bytes at n[i] is forbidden.
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

// looksLikeState reports whether a disk could treat n as the name of the partial folder:
// some disks ignore case, and those of macOS ignore some invisible characters.
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

// numbered returns the name to try after base was taken n times: "name (n).ext". It treats
// a double extension like ".tar.gz" as one.
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
