package script

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Errors that a step fails with, besides those of its Env; test with errors.Is.
var (
	// ErrTimeout says that the step's time was up.
	ErrTimeout = errors.New("timed out")
	// ErrNoMatch says that the lines ended and none matched.
	ErrNoMatch = errors.New("no line matched")
)

// An Env is the world that a script acts on. Each call returns soon after its
// context ends. An error of a call fails the step and is wrapped.
type Env interface {
	// Say sends a line and returns when it is delivered.
	Say(ctx context.Context, text string) error
	// Lines returns where received lines go, from before the script began.
	// It is always the same.
	Lines() *Lines
	// Send sends a file or a folder and returns when it has arrived.
	Send(ctx context.Context, path string) error
	// Receive waits for a file whose name matches the glob, in the syntax of
	// path.Match, and returns where it is. A file that arrived before counts,
	// if no Receive has given it yet.
	Receive(ctx context.Context, glob string) (path string, err error)
	// Exec runs a command line in the system's shell with stdin, and fails
	// when the command does.
	Exec(ctx context.Context, command string, stdin []byte) error
}

// A StepError tells which step failed, and why.
type StepError struct {
	Number int // from 1
	Step   Step
	Err    error
}

// Error names the place of the step, its number and itself.
func (e *StepError) Error() string {
	pos := ""
	if e.Step.pos != "" {
		pos = e.Step.pos + ": "
	}
	return fmt.Sprintf("%sstep %d (%s): %v", pos, e.Number, e.Step, e.Err)
}

// Unwrap gives what went wrong: ErrTimeout, an error of the Env, or the
// context's.
func (e *StepError) Unwrap() error { return e.Err }

// Run validates the steps and takes them one after the other. It stops at the
// first that fails, with a *StepError, and at a quit step, which quit reports.
func Run(ctx context.Context, steps []Step, env Env, o Options) (quit bool, err error) {
	if err := Validate(steps, o); err != nil {
		return false, err
	}
	for i, s := range steps {
		if s.Quit {
			return true, nil
		}
		if err := s.take(ctx, env); err != nil {
			return false, &StepError{Number: i + 1, Step: s, Err: err}
		}
	}
	return false, nil
}

// take takes a step within its timeout.
func (s Step) take(ctx context.Context, env Env) error {
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
