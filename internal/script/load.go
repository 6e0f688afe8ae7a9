package script

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/BurntSushi/toml"

	"p2ptool/internal/textfile"
)

// maxFile is the largest size of a script, in bytes.
const maxFile = 1 << 20

// Load reads and validates a script file that the command line names; it may have run steps.
// The error lists all problems with file and line.
func Load(file string) ([]Step, error) {
	data, err := textfile.Read(file, maxFile)
	if err != nil {
		return nil, err
	}
	return parse(file, data, func(s Step) error { return s.validate(Options{Commands: true}) })
}

// Parse parses the steps of a TOML document that contains nothing else, without validating
// them. File is its name in errors.
func Parse(file string, data []byte) ([]Step, error) {
	return parse(file, data, func(Step) error { return nil })
}

func parse(file string, data []byte, check func(Step) error) ([]Step, error) {
	var doc struct {
		Script []toml.Primitive `toml:"script"`
	}
	md, err := toml.Decode(string(data), &doc)
	if err != nil {
		return nil, syntaxError(file, err)
	}
	var errs []error
	for _, key := range md.Undecoded() {
		if len(key) == 1 && key[0] != "script" {
			errs = append(errs, fmt.Errorf("%s: unknown key %q; a script is made of [[script]] tables", place(file, data, key[0]), key[0]))
		}
	}
	steps, problems := decode(md, doc.Script, file, data, check)
	for _, p := range problems {
		errs = append(errs, p)
	}
	if len(steps) == 0 && len(errs) == 0 {
		errs = append(errs, fmt.Errorf("%s: no [[script]] found", file))
	}
	return steps, errors.Join(errs...)
}

// Locate records where in a TOML document each step begins, for errors. Steps that are not
// written as [[script]] tables have no place.
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

// place returns the file with the number of the first line that sets the key, if there is one.
func place(file string, data []byte, key string) string {
	for n, line := range strings.Split(string(data), "\n") {
		if k, _, ok := strings.Cut(line, "="); ok && strings.TrimSpace(k) == key {
			return fmt.Sprintf("%s:%d", file, n+1)
		}
	}
	return file
}

// syntaxError adds the file and the line to an error of the toml package.
func syntaxError(file string, err error) error {
	var p toml.ParseError
	if !errors.As(err, &p) {
		return fmt.Errorf("%s: %w", file, err)
	}
	return fmt.Errorf("%s:%d: %s", file, p.Position.Line, message(err))
}

// message returns the message of an error of the toml package, without its place.
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
		return fmt.Errorf("%q is not a valid file name pattern", pattern)
	}
	return nil
}
