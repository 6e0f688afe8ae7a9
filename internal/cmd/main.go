// Package cmd is the command line. It turns arguments and a config into calls of p2p,
// p2p/chat and transfer, and their results into text, events and exit codes.
//
// Its rules:
//   - Payload and machine output go to stdout, everything for a person to
//     stderr, all through one printer. With --json, stdout has one event per line.
//   - Messages are lower case without a final period and quote user values. Where
//     there is a next step, the message names it.
//   - The program asks nothing without a terminal on stdin and stderr, or from a
//     background process group.
//   - Text from a peer is shown with control characters made visible.
//   - A secret never appears in an argument or in output.
//
// Only this package touches the arguments, the environment, the standard streams,
// signals and the exit of the process. It trusts its user and the config, and trusts a
// peer only as far as those two allow.
package cmd

import (
	"context"
	"os"
)

// Env is the process as Main sees it.
type Env struct {
	Args                  []string // the program's name first
	Stdin, Stdout, Stderr *os.File
	Getenv                func(string) string
	Exit                  func(status int) // ends the process when there is no time to return
	Example               string           // the text of config.example.toml
	Machine               Machine          // the zero value is this machine
}

// Main runs one command line and returns the exit status. It returns when the
// command and all its goroutines have ended. After a signal they have a second to do
// so; then Main calls env.Exit.
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
