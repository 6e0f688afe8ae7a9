package cmd

import (
	"bytes"
	"runtime"
	"strings"
	"testing"
)

// Quoted text is one word of the command, and the shell sees all quotes.
func TestShellQuotes(t *testing.T) {
	t.Parallel()
	lines := map[string]string{
		`echo "a  b" c`:           `a  b c`,
		`echo "a" && echo "b  c"`: "a\nb  c",
		`printf '%s' "x|y"`:       "x|y",
	}
	if runtime.GOOS == "windows" {
		lines = map[string]string{
			`echo "a  b" c`:             `"a  b" c`,
			`echo "a"&& echo "b  c"`:    "\"a\"\n\"b  c\"",
			`"%ComSpec%" /C echo "x y"`: `"x y"`,
		}
	}
	for line, want := range lines {
		var out bytes.Buffer
		c := shellCommand(t.Context(), line)
		c.Stdout, c.Stderr = &out, &out
		if err := c.Run(); err != nil {
			t.Errorf("%s: %v: %s", line, err, out.String())
			continue
		}
		if got := strings.TrimSpace(strings.ReplaceAll(out.String(), "\r\n", "\n")); got != want {
			t.Errorf("%s: prints %q, want %q", line, got, want)
		}
	}
}
