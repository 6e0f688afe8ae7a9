package script

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/BurntSushi/toml"
)

// maxFile is the most bytes that a script may have.
const maxFile = 1 << 20

// Load reads and validates a script file that was named on the command line;
// its commands are allowed. Errors name the file and the line.
func Load(file string) ([]Step, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s: a script has at most 1 MiB", file)
	}
	steps, err := Parse(file, data)
	if err != nil {
		return nil, err
	}
	return steps, Validate(steps, Options{Commands: true})
}

// Parse reads the steps of a TOML document that holds nothing else; file is
// its name in errors. It does not validate them.
func Parse(file string, data []byte) ([]Step, error) {
	var doc struct {
		Script []toml.Primitive `toml:"script"`
	}
	md, err := toml.Decode(string(data), &doc)
	if err != nil {
		return nil, syntaxError(file, err)
	}
	steps := make([]Step, len(doc.Script))
	Locate(steps, file, data)
	for i, p := range doc.Script {
		if err := md.PrimitiveDecode(p, &steps[i]); err != nil {
			return nil, valueError(file, i+1, steps[i], err)
		}
	}
	if unknown := md.Undecoded(); len(unknown) > 0 {
		key := unknown[0][len(unknown[0])-1]
		return nil, fmt.Errorf("%s: unknown key %q; a script is made of [[script]] with one of say, expect, send, receive, sleep, run, quit, and timeout",
			place(file, data, key), unknown[0])
	}
	if len(steps) == 0 {
		return nil, fmt.Errorf("%s: no [[script]] in it", file)
	}
	return steps, nil
}

// Locate notes, for errors, where in a TOML document each step begins. Steps
// that are not written as [[script]] tables are left without a place.
func Locate(steps []Step, file string, data []byte) {
	var lines []int
	for n, line := range strings.Split(string(data), "\n") {
		line, _, _ = strings.Cut(line, "#")
		if strings.Join(strings.Fields(line), "") == "[[script]]" {
			lines = append(lines, n+1)
		}
	}
	if len(lines) != len(steps) {
		return
	}
	for i := range steps {
		steps[i].pos = fmt.Sprintf("%s:%d", file, lines[i])
	}
}

// place returns the file with the first line that sets the key, if one does.
func place(file string, data []byte, key string) string {
	for n, line := range strings.Split(string(data), "\n") {
		if k, _, ok := strings.Cut(line, "="); ok && strings.TrimSpace(k) == key {
			return fmt.Sprintf("%s:%d", file, n+1)
		}
	}
	return file
}

// syntaxError names the line of what is no TOML.
func syntaxError(file string, err error) error {
	var p toml.ParseError
	if !errors.As(err, &p) {
		return fmt.Errorf("%s: %w", file, err)
	}
	return fmt.Errorf("%s:%d: %s", file, p.Position.Line, message(err))
}

// valueError names the step that has a value of a wrong kind. The line that the
// toml package has for it may be that of a later step.
func valueError(file string, number int, s Step, err error) error {
	pos := s.pos
	if pos == "" {
		pos = file
	}
	return fmt.Errorf("%s: step %d: %s", pos, number, message(err))
}

// message is the error of the toml package without its place.
func message(err error) string {
	var p toml.ParseError
	if errors.As(err, &p) && p.Message != "" {
		return p.Message
	}
	text := strings.TrimPrefix(err.Error(), "toml: ")
	if _, rest, ok := strings.Cut(text, "): "); ok && strings.HasPrefix(text, "line ") {
		return rest
	}
	return text
}

// validGlob checks the pattern of a receive step, in the syntax of path.Match.
func validGlob(pattern string) error {
	if _, err := path.Match(pattern, ""); err != nil {
		return fmt.Errorf("%q is not a pattern of file names", pattern)
	}
	return nil
}
