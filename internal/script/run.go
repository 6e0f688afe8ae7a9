package script

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Errors of a step, besides those of its Env; test with errors.Is.
var (
	// ErrTimeout says that the step exceeded its timeout.
	ErrTimeout = errors.New("timed out")
	// ErrNoMatch says that no line matched before the lines ended.
	ErrNoMatch = errors.New("no line matched")
)

// An Env performs the actions of a script. Each call returns soon after its context ends.
// The error of a call fails the step, whose error wraps it.
type Env interface {
	// Say sends a line and returns when it is delivered.
	Say(ctx context.Context, text string) error
	// Lines returns the received lines, including those from before the script began.
	// It always returns the same pointer.
	Lines() *Lines
	// Send sends a file or a folder and returns when it has arrived.
	Send(ctx context.Context, path string) error
	// Receive waits for a file whose name matches the glob, in the syntax of path.Match,
	// and returns its path. It also returns a file that arrived earlier, but each file
	// only once.
	Receive(ctx context.Context, glob string) (path string, err error)
	// Exec runs a command line in the system's shell with the given stdin. It fails if
	// the command fails.
	Exec(ctx context.Context, command string, stdin []byte) error
}

// A StepError says which step failed and why.
type StepError struct {
	Number int // from 1
	Step   Step
	Err    error
}

// Error returns the place of the step, its number, the step and the error.
func (e *StepError) Error() string {
	pos := ""
	if e.Step.pos != "" {
		pos = e.Step.pos + ": "
	}
	return fmt.Sprintf("%sstep %d (%s): %v", pos, e.Number, e.Step, e.Err)
}

// Unwrap returns ErrTimeout, ErrNoMatch, an error of the Env, or the context's error.
func (e *StepError) Unwrap() error { return e.Err }

// Run validates the steps and runs them in order. It stops at the first step that fails, with
// a *StepError, and at a quit step, with quit.
func Run(ctx context.Context, steps []Step, env Env, o Options) (quit bool, err error) {
	if err := Validate(steps, o); err != nil {
		return false, err
	}
	for i, s := range steps {
		if s.Quit {
			return true, nil
		}
		if err := s.run(ctx, env); err != nil {
			return false, &StepError{Number: i + 1, Step: s, Err: err}
		}
	}
	return false, nil
}

// run runs a step within its timeout.
func (s Step) run(ctx context.Context, env Env) error {
	limit := s.timeout()
	if limit == 0 {
		return s.act(ctx, env)
	}
	inner, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := s.act(inner, env)
	if err != nil && inner.Err() == context.DeadlineExceeded && ctx.Err() == nil {
		return fmt.Errorf("%w after %s", ErrTimeout, limit)
	}
	return err
}

func (s Step) act(ctx context.Context, env Env) error {
	switch {
	case s.Say != nil:
		return env.Say(ctx, *s.Say)
	case s.Expect != nil:
		return expect(ctx, *s.Expect, env.Lines())
	case s.Send != nil:
		return env.Send(ctx, *s.Send)
	case s.Receive != nil:
		_, err := env.Receive(ctx, *s.Receive)
		return err
	case s.Run != nil:
		return env.Exec(ctx, *s.Run, env.Lines().sinceRun())
	}
	return sleep(ctx, time.Duration(*s.Sleep))
}

func expect(ctx context.Context, pattern string, lines *Lines) error {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	err = lines.expect(ctx, re)
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w: %w", ErrNoMatch, err)
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
