package cmd

import (
	"context"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"p2ptool/internal/config"
	"p2ptool/internal/script"
	"p2ptool/p2p"
)

// steps returns the steps of the script file, else those of the config. Only a file that
// the command line names may run commands.
func steps(file string, cfg *config.Config) (steps []script.Step, commands bool, err error) {
	if file == "" {
		return cfg.Script, false, nil
	}
	if steps, err = script.Load(file); err != nil {
		return nil, false, as(errUsage, err)
	}
	return steps, true, nil
}

// A scriptEnv runs a script's actions in a conversation.
type scriptEnv struct{ co *conversation }

// Say sends a line and waits until it is delivered.
func (e *scriptEnv) Say(ctx context.Context, text string) error {
	if err := e.co.talk.say(ctx, text); err != nil {
		return err
	}
	return e.co.talk.room.WaitDelivered(ctx)
}

// Lines returns the lines that the peer sent.
func (e *scriptEnv) Lines() *script.Lines { return &e.co.talk.lines }

// Send sends a file or a folder.
func (e *scriptEnv) Send(ctx context.Context, path string) error {
	if err := checkPaths([]string{path}); err != nil {
		return err
	}
	return e.co.sending(path).to(ctx, e.co.target)
}

// Receive waits for a file.
func (e *scriptEnv) Receive(ctx context.Context, glob string) (string, error) {
	return e.co.arrivals.await(ctx, glob)
}

// Exec runs a command in the system's shell. Its output goes to stdout, with --json to
// stderr.
func (e *scriptEnv) Exec(ctx context.Context, command string, stdin []byte) error {
	env := e.co.p.env
	c := shellCommand(ctx, command)
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(string(stdin)), env.Stdout, env.Stderr
	if e.co.p.out.json {
		c.Stdout = env.Stderr
	}
	c.WaitDelay = goodbye
	return c.Run()
}

// maxArrivals is how many received files a script can still wait for.
const maxArrivals = 10_000

// received adds a file that the script's peer sent.
func (co *conversation) received(peer p2p.GUID, path string) {
	if peer == co.target.GUID {
		co.arrivals.add(path)
	}
}

// Arrivals are the received files that no step has consumed. The zero value is empty and
// ready.
type arrivals struct {
	mu      sync.Mutex
	paths   []string
	changed chan struct{} // closed at the next add; nil: nothing waits
}

// add adds a file. Beyond maxArrivals it drops the oldest.
func (a *arrivals) add(path string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.paths = append(a.paths, path)
	if len(a.paths) > maxArrivals {
		a.paths = a.paths[1:]
	}
	if a.changed != nil {
		close(a.changed)
		a.changed = nil
	}
}

// await waits for a file whose name matches the glob, and removes it.
func (a *arrivals) await(ctx context.Context, glob string) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		i := slices.IndexFunc(a.paths, func(p string) bool {
			ok, _ := path.Match(glob, filepath.Base(p))
			return ok
		})
		if i >= 0 {
			p := a.paths[i]
			a.paths = slices.Delete(a.paths, i, i+1)
			return p, nil
		}
		if a.changed == nil {
			a.changed = make(chan struct{})
		}
		changed := a.changed
		a.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		a.mu.Lock()
		if err := ctx.Err(); err != nil {
			return "", err
		}
	}
}
