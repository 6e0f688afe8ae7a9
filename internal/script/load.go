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
		Script []Step `toml:"script"`
	}
	md, err := toml.Decode(string(data), &doc)
	if err != nil {
		return nil, decodeError(file, err)
	}
	if unknown := md.Undecoded(); len(unknown) > 0 {
		return nil, fmt.Errorf("%s: unknown key %q; a script is made of [[script]] with one of say, expect, send, receive, sleep, run, quit, and timeout", file, unknown[0])
	}
	if len(doc.Script) == 0 {
		return nil, fmt.Errorf("%s: no [[script]] in it", file)
	}
	Locate(doc.Script, file, data)
	return doc.Script, nil
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

func decodeError(file string, err error) error {
	var p toml.ParseError
	if !errors.As(err, &p) {
		return fmt.Errorf("%s: %w", file, err)
	}
	what := p.Message
	if what == "" {
		what = strings.TrimPrefix(p.Error(), "toml: ")
	}
	return fmt.Errorf("%s:%d: %s", file, p.Position.Line, what)
}

// validGlob checks the pattern of a receive step, in the syntax of path.Match.
func validGlob(pattern string) error {
	if _, err := path.Match(pattern, ""); err != nil {
		return fmt.Errorf("%q is not a pattern of file names", pattern)
	}
	return nil
}
