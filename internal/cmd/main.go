// Package cmd is the command line: it turns arguments and a config into calls
// of p2p, p2p/chat and transfer, and what comes of them into lines, events and
// exit codes.
//
// Its rules:
//   - Payload and machine output go to stdout, everything for a person to
//     stderr, all through one printer. With --json stdout has one event a line.
//   - Text is lower case without a final period, users' values are quoted, and
//     a line says what to do next where there is something to do.
//   - Nothing is asked without a terminal on stdin and stderr, nor from the background.
//   - What a peer said is shown with control characters made visible.
//   - A secret never stands in an argument or in anything that is printed.
//
// This package alone touches the arguments, the environment, the standard
// streams, signals and the exit of the process. It trusts its user and the
// config, and a peer only as far as both of them say.
package cmd

import (
	"context"
	"os"
)

// Env is what the process gives to Main.
type Env struct {
	Args                  []string // the program's name first
	Stdin, Stdout, Stderr *os.File
	Getenv                func(string) string
	Exit                  func(status int) // ends the process, when there is no time to return
	Example               string           // the text of config.example.toml
	Machine               Machine          // zero: this one
}

// Main runs one command line and returns the exit status. It returns when the
// command and all its goroutines have ended; when the user interrupts it, it
// has a second to do so, then it calls env.Exit.
func Main(env Env) int {
	p := newProgram(env)
	ctx, stop := p.interruptible(context.Background())
	defer stop()
	app := p.app()
	args, err := arrange(app, env.Args)
	if err == nil {
		err = app.RunContext(ctx, args)
	}
	if err == nil {
		err = p.out.failure()
	}
	return p.fail(ctx, err)
}
