package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"p2ptool/internal/config"
)

func TestMain(m *testing.M) {
	testscript.Main(leakChecked{m}, map[string]func(){
		"p2ptool": func() {
			os.Exit(Main(Env{
				Args: os.Args, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
				Getenv: os.Getenv, Exit: os.Exit, Example: os.Getenv("EXAMPLE"),
			}))
		},
	})
}

// leakChecked fails if a command leaves goroutines behind.
type leakChecked struct{ *testing.M }

func (m leakChecked) Run() int {
	status := m.M.Run()
	if err := goleak.Find(); err != nil && status == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return status
}

// The scripts have these commands besides the usual ones:
//
//	status N program [args]    run a program and check its exit status
//	spawn NAME program [args]  start it in the background
//	terminal NAME program [args]  start it on a terminal of its own; everything it prints
//	                           is output
//	keys NAME TEXT             type TEXT there, a Go string without its quotes
//	type NAME FILE             type the content of FILE
//	hangup NAME                close the terminal
//	await NAME REGEXP [VAR]    wait for a line of its output or errors, and
//	                           set VAR to the first group
//	interrupt NAME             send SIGINT
//	signal NAME SIGNAL         send another signal: HUP, TERM
//	! said NAME REGEXP         check that there is no such line so far
//	ended NAME N               wait for its end and check its exit status
//	random FILE BYTES          create a file of random bytes
//	guid CONFIG VAR            sets VAR to the GUID of a config
func TestScripts(t *testing.T) {
	t.Parallel()
	example, err := os.ReadFile("../../config.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("EXAMPLE", string(example))
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("P2PTOOL_CONFIG", "")
			e.Setenv("P2PTOOL_QLOG", "")
			e.Setenv("P2PTOOL_DEBUG", "")
			e.Setenv("XDG_CONFIG_HOME", "")
			e.Setenv("XDG_STATE_HOME", "")
			e.Setenv("GOCOVERDIR", "")
			e.Setenv("TERM", "xterm")
			e.Setenv("GORACE", "atexit_sleep_ms=0") // a second for each process, else
			jobs := map[string]*job{}
			e.Values[jobsKey{}] = jobs
			e.Defer(func() {
				for name, j := range jobs {
					j.kill()
					e.T().Log(name, "said\n", string(j.output))
				}
			})
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": status, "spawn": spawn, "await": await,
			"interrupt": interrupt, "signal": sendSignal, "terminal": onTerminal, "keys": keys, "type": typeFile, "hangup": hangup, "said": said, "ended": ended, "guid": guid, "random": random,
		},
	})
}

func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N program [args]")
	}
	err := ts.Exec(args[1], args[2:]...)
	wantStatus(ts, err, args[0])
}

func wantStatus(ts *testscript.TestScript, err error, want string) {
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(got) != want {
		ts.Fatalf("exit status %d, want %s", got, want)
	}
}

type jobsKey struct{}

// A job is a process in the background.
type job struct {
	cmd  *exec.Cmd
	tty  *os.File      // the person's side of its terminal; nil: it has none
	done chan struct{} // closed when it has ended
	err  error         // set before

	mu     sync.Mutex
	grown  *sync.Cond
	output []byte // and errors
	over   bool
}

func (j *job) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.output = append(j.output, b...)
	j.grown.Broadcast()
	return len(b), nil
}

func (j *job) kill() {
	j.cmd.Process.Kill()
	<-j.done
}

func (j *job) wait(drained func()) {
	j.err = j.cmd.Wait()
	drained()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.over = true
	j.grown.Broadcast()
	close(j.done)
}

func jobs(ts *testscript.TestScript) map[string]*job {
	return ts.Value(jobsKey{}).(map[string]*job)
}

func jobOf(ts *testscript.TestScript, name string) *job {
	j, ok := jobs(ts)[name]
	if !ok {
		ts.Fatalf("no process %q was spawned", name)
	}
	return j
}

func spawn(ts *testscript.TestScript, _ bool, args []string) {
	j := newJob(ts, args)
	j.cmd.Stdout, j.cmd.Stderr = io.Writer(j), io.Writer(j)
	ts.Check(j.cmd.Start())
	go j.wait(func() {})
}

func onTerminal(ts *testscript.TestScript, _ bool, args []string) {
	j := newJob(ts, args)
	var err error
	j.tty, err = startOnTerminal(j.cmd)
	ts.Check(err)
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		io.Copy(j, j.tty) // ends with an error when the last process there has ended
	}()
	go j.wait(func() {
		<-copied
		j.tty.Close()
	})
}

func keys(ts *testscript.TestScript, _ bool, args []string) {
	text, err := strconv.Unquote(`"` + strings.ReplaceAll(args[1], `"`, `\"`) + `"`)
	ts.Check(err)
	_, err = jobOf(ts, args[0]).tty.WriteString(text)
	ts.Check(err)
}

func typeFile(ts *testscript.TestScript, _ bool, args []string) {
	_, err := jobOf(ts, args[0]).tty.WriteString(ts.ReadFile(args[1]))
	ts.Check(err)
}

func hangup(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(jobOf(ts, args[0]).tty.Close())
}

// newJob returns a job that is not started yet.
func newJob(ts *testscript.TestScript, args []string) *job {
	if len(args) < 2 {
		ts.Fatalf("usage: spawn NAME program [args]")
	}
	path := ""
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		p := filepath.Join(dir, args[1])
		if _, err := os.Stat(p); err == nil && path == "" {
			path = p
		}
	}
	j := &job{cmd: exec.Command(path, args[2:]...), done: make(chan struct{})}
	j.grown = sync.NewCond(&j.mu)
	j.cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "EXAMPLE", "GORACE", "TMPDIR", "P2PTOOL_CONFIG", "P2PTOOL_QLOG", "P2PTOOL_DEBUG", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "TERM"} {
		j.cmd.Env = append(j.cmd.Env, name+"="+ts.Getenv(name))
	}
	jobs(ts)[args[0]] = j
	return j
}

// await has no limit but that of the whole test, which kills the process if the line never
// comes.
func await(ts *testscript.TestScript, _ bool, args []string) {
	j := jobOf(ts, args[0])
	re, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	limit := time.AfterFunc(30*time.Second, func() { j.cmd.Process.Kill() })
	defer limit.Stop()
	j.mu.Lock()
	defer j.mu.Unlock()
	for {
		if m := re.FindSubmatch(j.output); m != nil {
			if len(args) > 2 {
				ts.Setenv(args[2], string(m[1]))
			}
			return
		}
		if j.over {
			ts.Fatalf("%s ended without %q; its output is\n%s", args[0], args[1], j.output)
		}
		j.grown.Wait()
	}
}

func said(ts *testscript.TestScript, neg bool, args []string) {
	j := jobOf(ts, args[0])
	j.mu.Lock()
	defer j.mu.Unlock()
	if found := regexp.MustCompile("(?m)" + args[1]).Match(j.output); found == neg {
		ts.Fatalf("%s: %q found: %v; its output is\n%s", args[0], args[1], found, j.output)
	}
}

func random(ts *testscript.TestScript, _ bool, args []string) {
	size, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	_, err = writeRandom(context.Background(), ts.MkAbs(args[0]), size)
	ts.Check(err)
}

func guid(ts *testscript.TestScript, _ bool, args []string) {
	cfg, err := config.Load(ts.MkAbs(args[0]), "")
	ts.Check(err)
	ts.Setenv(args[1], cfg.GUID().String())
}

func interrupt(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(jobOf(ts, args[0]).cmd.Process.Signal(syscall.SIGINT))
}

func sendSignal(ts *testscript.TestScript, _ bool, args []string) {
	s, ok := map[string]os.Signal{"HUP": syscall.SIGHUP, "TERM": syscall.SIGTERM}[args[1]]
	if !ok {
		ts.Fatalf("unknown signal %q", args[1])
	}
	ts.Check(jobOf(ts, args[0]).cmd.Process.Signal(s))
}

func ended(ts *testscript.TestScript, _ bool, args []string) {
	j := jobOf(ts, args[0])
	limit := time.AfterFunc(30*time.Second, func() { j.cmd.Process.Kill() })
	defer limit.Stop()
	<-j.done
	if j.err != nil || args[1] != "0" {
		wantStatus(ts, j.err, args[1])
	}
	if strings.Contains(string(j.output), "panic:") {
		ts.Fatalf("%s panicked", args[0])
	}
}
