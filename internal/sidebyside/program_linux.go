package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	maxOutput = 16 << 20 // bytes of a program's output that are kept; croc reports each file
	overlap   = 1 << 10  // bytes of it that are searched again when more arrives
	tailSize  = 200      // bytes of it that an error shows
)

// A program is a running process with its output on stdout and stderr so far.
type program struct {
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended and its output is read
	err  error         // set before done is closed

	memory *memory

	mu     sync.Mutex // guards what is below
	output bytes.Buffer
	grown  chan struct{} // closed when there is more output
}

// launch starts a program in its own process group.
func launch(on machine, cmd *exec.Cmd) (*program, error) {
	p := &program{name: cmd.Args[0], cmd: cmd, done: make(chan struct{}), grown: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p, p
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 2 * time.Second // for child processes that keep the pipe open
	if err := on.start(cmd); err != nil {
		return nil, err
	}
	p.memory = watch(cmd.Process.Pid)
	go func() {
		p.err = cmd.Wait()
		p.memory.stop()
		close(p.done)
	}()
	return p, nil
}

// Write appends output of the program.
func (p *program) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.output.Len() < maxOutput {
		p.output.Write(b)
	}
	close(p.grown)
	p.grown = make(chan struct{})
	return len(b), nil
}

// said returns the program's output from an offset on, and a channel that is closed when there
// is more.
func (p *program) said(from int) (string, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.output.Bytes()[from:]), p.grown
}

// await waits until the program's output matches, and returns the match.
func (p *program) await(ctx context.Context, what *regexp.Regexp) (string, error) {
	ended, from := false, 0
	for {
		said, grown := p.said(from)
		if m := what.FindStringSubmatch(said); m != nil {
			return m[len(m)-1], nil
		}
		from += max(0, len(said)-overlap)
		if ended {
			return "", p.failure(fmt.Errorf("ended before its output matched %q", what))
		}
		select {
		case <-grown:
		case <-p.done:
			ended = true // after searching once more
		case <-ctx.Done():
			return "", p.failure(fmt.Errorf("no output that matches %q: %w", what, context.Cause(ctx)))
		}
	}
}

// wait waits for the end.
func (p *program) wait(ctx context.Context) error {
	select {
	case <-p.done:
		if p.err != nil {
			return p.failure(p.err)
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// failure returns an error with the end of the program's output.
func (p *program) failure(err error) error {
	said, _ := p.said(0)
	said = strings.Join(strings.Fields(said[max(0, len(said)-tailSize):]), " ")
	return fmt.Errorf("%s: %w: %s", filepath.Base(p.name), err, strings.ToValidUTF8(said, ""))
}

// end terminates the program and its child processes and waits for it: first politely, then by force.
func (p *program) end() {
	group := -p.cmd.Process.Pid
	_ = syscall.Kill(group, syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(2 * time.Second):
	}
	_ = syscall.Kill(group, syscall.SIGKILL)
	<-p.done
}

// A usage is the CPU time and memory of a program and the child processes that it waited for.
type usage struct {
	cpu    time.Duration
	memory int64 // peak, in bytes
}

// used returns the program's usage once it has ended.
func (p *program) used() usage {
	<-p.done
	u := usage{memory: p.memory.peak()}
	if s := p.cmd.ProcessState; s != nil {
		u.cpu = s.UserTime() + s.SystemTime()
	}
	return u
}

// A cast is the programs of one run, which share a folder.
type cast struct {
	dir      string
	programs []*program
}

// start starts a program with a home in the cast's folder.
func (c *cast) start(on machine, env []string, name string, args ...string) (*program, error) {
	return c.startCmd(on, env, exec.Command(name, args...))
}

func (c *cast) startCmd(on machine, env []string, cmd *exec.Cmd) (*program, error) {
	cmd.Dir = c.dir
	cmd.Env = append([]string{"HOME=" + c.dir, "PATH=" + os.Getenv("PATH") + ":/usr/sbin", "LC_ALL=C.UTF-8"}, env...)
	p, err := launch(on, cmd)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", cmd.Args[0], err)
	}
	c.programs = append(c.programs, p)
	return p, nil
}

// run runs a program to its end and returns its output.
func (c *cast) run(ctx context.Context, on machine, env []string, name string, args ...string) (string, error) {
	p, err := c.start(on, env, name, args...)
	if err != nil {
		return "", err
	}
	if err := p.wait(ctx); err != nil {
		return "", err
	}
	said, _ := p.said(0)
	return said, nil
}

// leave ends all programs that still run, the most recent first.
func (c *cast) leave() {
	for i := len(c.programs) - 1; i >= 0; i-- {
		c.programs[i].end()
	}
}

// keepLogs writes the output of each program to a file in a folder, if one is given. The
// file's name is made of name and the program's name.
func (c *cast) keepLogs(folder, name string) error {
	if folder == "" {
		return nil
	}
	for i, p := range c.programs {
		file := fmt.Sprintf("%s-%d-%s.txt", name, i+1, filepath.Base(p.name))
		said, _ := p.said(0)
		if err := os.WriteFile(filepath.Join(folder, file), []byte(said), 0o644); err != nil {
			return err
		}
	}
	return nil
}

var errLimit = errors.New("time is up")
