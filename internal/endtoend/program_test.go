package endtoend

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience limits a test's wait for events that must come, if the test is not about time.
const patience = 60 * time.Second

// A program is a running p2ptool with its events and output so far.
type program struct {
	t     *testing.T
	name  string
	cmd   *exec.Cmd
	begun time.Time
	ended time.Time     // set before done is closed
	done  chan struct{} // closed when it has ended and its output is read

	mu     sync.Mutex    // guards what is below
	grown  chan struct{} // closed when there is another event
	events []event
	stderr bytes.Buffer
	wrong  error // the first line of stdout that is not an event
}

// start starts a program on a machine.
func start(t *testing.T, on machine, name string, cmd *exec.Cmd) *program {
	t.Helper()
	p := &program{t: t, name: name, cmd: cmd, done: make(chan struct{}), grown: make(chan struct{})}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = p
	p.begun = time.Now()
	if err := on.start(cmd); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	go p.follow(stdout)
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Log(p.account())
		}
	})
	return p
}

// follow reads stdout and waits for the program's end.
func (p *program) follow(stdout io.Reader) {
	lines := bufio.NewReader(stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			p.take(line)
		}
		if err != nil {
			break
		}
	}
	_ = p.cmd.Wait() // ProcessState has its status
	p.ended = time.Now()
	close(p.done)
}

func (p *program) take(line []byte) {
	e, err := parseEvent(line)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.wrong = errors.Join(p.wrong, err)
		return
	}
	p.events = append(p.events, e)
	close(p.grown)
	p.grown = make(chan struct{})
}

// Write collects what the program writes to stderr.
func (p *program) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.Write(b)
}

// said returns what the program has written to stderr.
func (p *program) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// all returns the selected events so far.
func (p *program) all(pick predicate) (picked []event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.events {
		if pick(e) {
			picked = append(picked, e)
		}
	}
	return picked
}

// mark returns the current position in the events, for awaitFrom.
func (p *program) mark() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.events)
}

// await waits for the first selected event.
func (p *program) await(within time.Duration, what string, pick predicate) event {
	p.t.Helper()
	return p.awaitFrom(0, within, what, pick)
}

// awaitFrom waits for the first selected event after a mark.
func (p *program) awaitFrom(mark int, within time.Duration, what string, pick predicate) event {
	p.t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	over := false
	for {
		p.mu.Lock()
		grown := p.grown
		for ; mark < len(p.events); mark++ {
			if e := p.events[mark]; pick(e) {
				p.mu.Unlock()
				return e
			}
		}
		p.mu.Unlock()
		if over {
			p.t.Fatalf("%s ended without %s", p.name, what)
		}
		select {
		case <-grown:
		case <-p.done:
			over = true // after searching once more
		case <-deadline.C:
			p.t.Fatalf("%s: no %s within %v", p.name, what, within)
		}
	}
}

// end waits for the program's end and checks the exit status.
func (p *program) end(status int) {
	p.t.Helper()
	p.endWithin(patience, status)
}

func (p *program) endWithin(within time.Duration, status int) {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(within):
		p.t.Fatalf("%s has not ended within %v", p.name, within)
	}
	if got := p.cmd.ProcessState.ExitCode(); got != status {
		p.t.Fatalf("%s ended with status %d (%v), want %d", p.name, got, p.cmd.ProcessState, status)
	}
	p.sane()
}

// sane checks the conditions that hold for every program at its end.
func (p *program) sane() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wrong != nil {
		p.t.Errorf("%s: %v", p.name, p.wrong)
	}
	for _, bad := range []string{"panic:", "fatal error:", "DATA RACE"} {
		if strings.Contains(p.stderr.String(), bad) {
			p.t.Errorf("%s: %s", p.name, bad)
		}
	}
}

// interrupt ends the program as Ctrl-C does, within a second.
func (p *program) interrupt() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
	p.endWithin(5*time.Second, 130)
}

// kill ends the program by force, and waits for its end.
func (p *program) kill() {
	_ = p.cmd.Process.Kill() // fails if it has ended
	<-p.done
}

// since returns the time from the program's start to an event.
func (p *program) since(e event) time.Duration { return e.seen.Sub(p.begun) }

// lived returns how long the program ran.
func (p *program) lived() time.Duration {
	<-p.done
	return p.ended.Sub(p.begun).Round(time.Millisecond)
}

// path returns the kind of the latest active path.
func (p *program) path() string {
	kind := "none"
	for _, e := range p.all(func(e event) bool { return e.Event == "connected" || e.Event == "path" }) {
		kind = e.Path
	}
	return kind
}

// account describes the program's events for a failed test. Of successive progress events it
// keeps the first and the last.
func (p *program) account() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %v\n", p.name, p.cmd.ProcessState)
	for i, e := range p.events {
		dull := func(j int) bool {
			return j >= 0 && j < len(p.events) && (p.events[j].Event == "progress" || p.events[j].Event == "file")
		}
		if dull(i-1) && dull(i) && dull(i+1) {
			continue
		}
		fmt.Fprintf(&b, "  %7.3f %s\n", e.seen.Sub(p.begun).Seconds(), e.line)
	}
	fmt.Fprintf(&b, "  stderr: %s", strings.ReplaceAll(p.stderr.String(), "\n", "\n    "))
	return b.String()
}
