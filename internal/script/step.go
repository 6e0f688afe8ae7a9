// Package script automates a chat with a list of steps, like expect(1): say a line, wait
// for one, send and receive files, run a command.
//
// Steps come from a TOML file, as an array of tables:
//
//	[[script]]
//	say = "ready"
//
//	[[script]]
//	expect = "^go (\\w+)$"
//	timeout = "10s"
//
// The package knows neither peers nor files: an Env performs the actions.
//
// Whom it trusts: steps are the user's own. Lines come from the peer; they are only
// matched against expressions and passed to commands on stdin. The last 10,000 lines are
// kept, up to 4 MiB. Commands run only if the Options allow them.
package script

import (
	"errors"
	"fmt"
	"regexp"
	"time"
)

// DefaultTimeout is the default timeout of a say, expect or run step. Send and receive steps
// have no default timeout.
const DefaultTimeout = time.Minute

// A Step is one action: exactly one field but Timeout is set.
type Step struct {
	Say     *string   `toml:"say"`     // send a line and wait until it is delivered
	Expect  *string   `toml:"expect"`  // wait for a line that matches the regular expression
	Send    *string   `toml:"send"`    // send the file or folder with this path
	Receive *string   `toml:"receive"` // wait for a file whose name matches the glob
	Sleep   *Duration `toml:"sleep"`
	Run     *string   `toml:"run"`  // run a command; stdin has the lines since the last run
	Quit    bool      `toml:"quit"` // end the script and the chat

	// Timeout limits the step; zero is the default of its kind.
	Timeout Duration `toml:"timeout"`

	pos string // "file:line", if known
}

// A Duration is a time.Duration that is written as text, such as "1m30s".
type Duration time.Duration

// UnmarshalText parses a duration with a unit. Negative durations are an error.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil || v < 0 {
		return fmt.Errorf("%q is not a duration such as \"1.5s\" or \"2m\"", b)
	}
	*d = Duration(v)
	return nil
}

// String formats like time.Duration.
func (d Duration) String() string { return time.Duration(d).String() }

// Kind returns the key of the step's action, or "" if it has none.
func (s Step) Kind() string {
	if a := s.actions(); len(a) > 0 {
		return a[0]
	}
	return ""
}

// String returns the step as in the file.
func (s Step) String() string {
	for _, f := range s.texts() {
		if f.text != nil {
			return fmt.Sprintf("%s = %q", f.kind, *f.text)
		}
	}
	switch {
	case s.Sleep != nil:
		return fmt.Sprintf("sleep = %q", s.Sleep)
	case s.Quit:
		return "quit = true"
	}
	return "nothing"
}

type text struct {
	kind string
	text *string
}

func (s Step) texts() []text {
	return []text{{"say", s.Say}, {"expect", s.Expect}, {"send", s.Send}, {"receive", s.Receive}, {"run", s.Run}}
}

// actions returns the kinds of the fields that are set.
func (s Step) actions() []string {
	var a []string
	for _, f := range s.texts() {
		if f.text != nil {
			a = append(a, f.kind)
		}
	}
	if s.Sleep != nil {
		a = append(a, "sleep")
	}
	if s.Quit {
		a = append(a, "quit")
	}
	return a
}

// timeout returns the limit of the step, or zero for none.
func (s Step) timeout() time.Duration {
	switch {
	case s.Timeout > 0:
		return time.Duration(s.Timeout)
	case s.Say != nil, s.Expect != nil, s.Run != nil:
		return DefaultTimeout
	}
	return 0
}

// Options limit what a script may do.
type Options struct {
	// Commands allows run steps. Set it only for a script from a file that the command
	// line names.
	Commands bool
}

// Validate returns an error with all problems of the steps, one per line, or nil.
func Validate(steps []Step, o Options) error {
	var errs []error
	for i, s := range steps {
		if err := s.validate(o); err != nil {
			errs = append(errs, &StepError{Number: i + 1, Step: s, Err: err})
		}
	}
	return errors.Join(errs...)
}

func (s Step) validate(o Options) error {
	if a := s.actions(); len(a) != 1 {
		return wrongActions(a)
	}
	switch {
	case s.Expect != nil:
		if _, err := regexp.Compile(*s.Expect); err != nil {
			return err
		}
	case s.Receive != nil:
		return validGlob(*s.Receive)
	case s.Send != nil && *s.Send == "", s.Run != nil && *s.Run == "":
		return errors.New("must not be empty")
	case s.Run != nil && !o.Commands:
		return errors.New("only a script file named on the command line may run commands")
	case s.Sleep != nil && s.Timeout > 0 && s.Timeout < *s.Sleep:
		return fmt.Errorf("the timeout of %s is shorter", s.Timeout)
	}
	return nil
}

func wrongActions(a []string) error {
	if len(a) == 0 {
		return errors.New("has no action, use one of say, expect, send, receive, sleep, run, quit")
	}
	return fmt.Errorf("has %d actions, %q; write one [[script]] for each", len(a), a)
}
