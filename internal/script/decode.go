package script

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// A Problem is one problem of a step. Its text names the file and the line where the step begins, if
// they are known, and the step.
type Problem struct {
	Line int // 0: unknown
	Text string
}

func (p *Problem) Error() string { return p.Text }

// Decode decodes and validates the steps of a TOML document, one per table, and returns all their
// problems. The file's name and text are only for the problems' places.
func Decode(md toml.MetaData, tables []toml.Primitive, file string, text []byte, o Options) (steps []Step, problems []*Problem) {
	return decode(md, tables, file, text, func(s Step) error { return s.validate(o) })
}

func decode(md toml.MetaData, tables []toml.Primitive, file string, text []byte, check func(Step) error) (steps []Step, problems []*Problem) {
	steps = make([]Step, len(tables))
	Locate(steps, file, text)
	for i, table := range tables {
		s := &steps[i]
		place := cmp.Or(s.pos, file)
		errs := s.decode(md, table)
		for _, err := range errs {
			problems = append(problems, s.problem(fmt.Sprintf("%s: step %d: %v", place, i+1, err)))
		}
		if len(errs) > 0 {
			continue
		}
		if err := check(*s); err != nil {
			text := (&StepError{i + 1, *s, err}).Error()
			if s.pos == "" {
				text = file + ": " + text
			}
			problems = append(problems, s.problem(text))
		}
	}
	return steps, problems
}

// problem returns a Problem with a text that begins with the step's place.
func (s *Step) problem(text string) *Problem {
	line, _ := strconv.Atoi(s.pos[strings.LastIndex(s.pos, ":")+1:])
	return &Problem{line, text}
}

// decode decodes one table value by value, so that one bad value does not hide another.
func (s *Step) decode(md toml.MetaData, table toml.Primitive) (errs []error) {
	var values map[string]toml.Primitive
	if err := md.PrimitiveDecode(table, &values); err != nil {
		return []error{fmt.Errorf("not a table: %s", message(err))}
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		into, use := s.field(key)
		if into == nil {
			errs = append(errs, fmt.Errorf("unknown key %q, use one of %s, and timeout", key, strings.Join(kinds, ", ")))
		} else if err := md.PrimitiveDecode(values[key], into); err != nil {
			errs = append(errs, fmt.Errorf("%s: %s", key, wrongValue(message(err), use)))
		}
	}
	return errs
}

// wrongValue replaces a message about Go types by one that names a valid type.
func wrongValue(text, use string) string {
	if strings.HasPrefix(text, "incompatible types") {
		return "wrong type, use " + use
	}
	return text
}

// kinds are the keys of actions.
var kinds = []string{"say", "expect", "send", "receive", "sleep", "run", "quit"}

// field returns the field of a key and a name of its type; nil for an unknown key.
func (s *Step) field(key string) (into any, use string) {
	const text = "text in quotes"
	switch key {
	case "say":
		return &s.Say, text
	case "expect":
		return &s.Expect, text
	case "send":
		return &s.Send, text
	case "receive":
		return &s.Receive, text
	case "run":
		return &s.Run, text
	case "sleep":
		return &s.Sleep, text
	case "timeout":
		return &s.Timeout, text
	case "quit":
		return &s.Quit, "true or false"
	}
	return nil, ""
}
