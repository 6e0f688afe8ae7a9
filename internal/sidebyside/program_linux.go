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
	maxOutput = 16 << 20 // bytes kept of what a program writes; croc tells of each file
	overlap   = 1 << 10  // bytes of it that are looked at again when there is more
	lastWords = 200      // bytes of it that an error tells
)

// A program is a process that runs, with what it has said so far on stdout and stderr.
type program struct {
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended and all is read
	err  error         // set before

	memory *memory

	mu     sync.Mutex // guards what is below
	output bytes.Buffer
	grown  chan struct{} // closed when there is more
}

// launch starts a program. It is in a process group of its own, with all that it
// starts.
func launch(on machine, cmd *exec.Cmd) (*program, error) {
	p := &program{name: cmd.Args[0], cmd: cmd, done: make(chan struct{}), grown: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p, p
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 2 * time.Second // for children that keep the pipe
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

// Write takes what the program says.
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

// said returns what the program has said from a place on, and a channel that is closed when
// there is more.
func (p *program) said(from int) (string, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.output.Bytes()[from:]), p.grown
}

// await waits until the program has said something, and returns it.
func (p *program) await(ctx context.Context, what *regexp.Regexp) (string, error) {
	ended, from := false, 0
	for {
		said, grown := p.said(from)
		if m := what.FindStringSubmatch(said); m != nil {
			return m[len(m)-1], nil
		}
		from += max(0, len(said)-overlap)
		if ended {
			return "", p.failure(fmt.Errorf("ended without %q", what))
		}
		select {
		case <-grown:
		case <-p.done:
			ended = true // after a last look
		case <-ctx.Done():
			return "", p.failure(fmt.Errorf("no %q: %w", what, context.Cause(ctx)))
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

// failure is an error with the program's last words.
func (p *program) failure(err error) error {
	said, _ := p.said(0)
	said = strings.Join(strings.Fields(said[max(0, len(said)-lastWords):]), " ")
	return fmt.Errorf("%s: %w: %s", filepath.Base(p.name), err, strings.ToValidUTF8(said, ""))
}

// end ends the program and what it started, and waits for it. It is asked first.
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

// A usage is what a program has cost: with those that it started and waited for.
type usage struct {
	cpu    time.Duration
	memory int64 // bytes at the most
}

// used returns what the program has cost, once it has ended.
func (p *program) used() usage {
	<-p.done
	u := usage{memory: p.memory.peak()}
	if s := p.cmd.ProcessState; s != nil {
		u.cpu = s.UserTime() + s.SystemTime()
	}
	return u
}

// A cast is the programs of one run. Its folder is theirs.
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

// run runs a program to its end, and returns what it said.
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

// leave ends all programs that still run, the last first.
func (c *cast) leave() {
	for i := len(c.programs) - 1; i >= 0; i-- {
		c.programs[i].end()
	}
}

// keepWords writes what each program has said to a file in a folder, if one is named. Such
// files bear the given name and the program's.
func (c *cast) keepWords(folder, name string) error {
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
