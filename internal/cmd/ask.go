package cmd

import (
	"context"
	"errors"
	"io"

	"p2ptool/internal/terminal"
)

// An asker asks the user a question, and returns whether the answer was yes.
type asker func(ctx context.Context, question string) (bool, error)

// errDeclined is the user's no.
var errDeclined = errors.New("declined by the user")

// A notAskedError declines because there is no user to ask. The peer reads its text; why is for
// this side only.
type notAskedError struct{ why string }

func (*notAskedError) Error() string { return "no terminal to ask for confirmation on" }

// mayAsk returns a *notAskedError if there is no user to ask.
func (p *program) mayAsk() error {
	switch {
	case !terminal.IsTerminal(p.env.Stdin):
		return &notAskedError{"stdin is not a terminal"}
	case !terminal.IsTerminal(p.env.Stderr):
		return &notAskedError{"stderr is not a terminal"}
	case !terminal.Foreground(p.env.Stdin):
		return &notAskedError{"this process runs in the background"}
	}
	return nil
}

// ask asks on stderr, with the answer on stdin.
func (p *program) ask(ctx context.Context, question string) (bool, error) {
	return terminal.Ask(ctx, p.env.Stdin, p.env.Stderr, question)
}

// answered converts an asker's result to the reason of a no, or nil.
func answered(yes bool, err error) error {
	if err == nil && !yes || errors.Is(err, io.EOF) { // Ctrl-D
		return errDeclined
	}
	return err
}
