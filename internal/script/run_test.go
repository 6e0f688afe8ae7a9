package script

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A fakeEnv records the calls.
type fakeEnv struct {
	lines Lines
	notes []string
	slow  time.Duration // how long each call takes
	err   error         // of each call
}

func (w *fakeEnv) note(ctx context.Context, format string, args ...any) error {
	w.notes = append(w.notes, fmt.Sprintf(format, args...))
	if err := sleep(ctx, w.slow); err != nil {
		return err
	}
	return w.err
}

func (w *fakeEnv) Say(ctx context.Context, text string) error  { return w.note(ctx, "say %s", text) }
func (w *fakeEnv) Lines() *Lines                               { return &w.lines }
func (w *fakeEnv) Send(ctx context.Context, path string) error { return w.note(ctx, "send %s", path) }

func (w *fakeEnv) Receive(ctx context.Context, glob string) (string, error) {
	return glob, w.note(ctx, "receive %s", glob)
}

func (w *fakeEnv) Exec(ctx context.Context, command string, stdin []byte) error {
	return w.note(ctx, "run %s < %q", command, stdin)
}

// steps parses a script in which each line is a step, such as `say = "x"`, optionally with a
// timeout after a semicolon.
func steps(t *testing.T, lines ...string) []Step {
	t.Helper()
	text := "[[script]]\n" + strings.Join(lines, "\n[[script]]\n")
	s, err := Parse("test", []byte(strings.ReplaceAll(text, "; ", "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &fakeEnv{slow: time.Second}
		w.lines.Add("early")
		go func() {
			time.Sleep(5 * time.Second)
			w.lines.Add("not this")
			w.lines.Add("hello bob")
			w.lines.Add("more")
		}()
		s, err := Load("testdata/greeting.toml")
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		quit, err := Run(t.Context(), s, w, Options{Commands: true})
		if !quit || err != nil {
			t.Errorf("Run = %v, %v", quit, err)
		}
		want := `say hello yourself|send notes.txt|receive report-*.csv|run wc -l < "early\nnot this\nhello bob\nmore\n"`
		if got := strings.Join(w.notes, "|"); got != want {
			t.Errorf("calls are %s", got)
		}
		if took := time.Since(start); took != 10500*time.Millisecond {
			t.Errorf("took %s", took)
		}
	})
}

func TestExpectConsumesLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &fakeEnv{}
		for _, line := range []string{"a1", "b", "a2", "c"} {
			w.lines.Add(line)
		}
		_, err := Run(t.Context(), steps(t, `expect = "a"`, `expect = "a"`, `run = "x"`, `expect = "c"`, `run = "y"`,
			`expect = "b"; timeout = "3s"`), w, Options{Commands: true})
		if !errors.Is(err, ErrTimeout) || err.Error() != `test:11: step 6 (expect = "b"): timed out after 3s` {
			t.Errorf("Run = %v", err)
		}
		if got := strings.Join(w.notes, "|"); got != `run x < "a1\nb\na2\nc\n"|run y < ""` {
			t.Errorf("calls are %s", got)
		}
	})
}

func TestFailures(t *testing.T) {
	t.Parallel()
	left := errors.New("the peer left")
	for _, c := range []struct {
		name    string
		step    string
		fakeEnv *fakeEnv
		end     error
		want    error
		text    string
	}{
		{"say times out", `say = "x"; timeout = "2s"`, &fakeEnv{slow: time.Hour}, nil, ErrTimeout, "step 2 (say = \"x\"): timed out after 2s"},
		{"default timeout", `say = "x"`, &fakeEnv{slow: time.Hour}, nil, ErrTimeout, "after 1m0s"},
		{"receive times out", `receive = "*"; timeout = "2h"`, &fakeEnv{slow: 3 * time.Hour}, nil, ErrTimeout, "after 2h"},
		{"send fails", `send = "x"`, &fakeEnv{err: left}, nil, left, "step 2 (send = \"x\"): the peer left"},
		{"command fails", `run = "false"`, &fakeEnv{err: left}, nil, left, "step 2 (run"},
		{"peer leaves", `expect = "x"`, &fakeEnv{}, left, ErrNoMatch, "no line matched: the peer left"},
		{"peer leaves, as its cause", `expect = "x"`, &fakeEnv{}, left, left, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := c.fakeEnv
				if c.end != nil {
					w.lines.End(c.end)
					w.lines.End(errors.New("a second end"))
				}
				_, err := Run(t.Context(), steps(t, `sleep = "1s"`, c.step, `say = "never"`), w, Options{Commands: true})
				var step *StepError
				if !errors.As(err, &step) || step.Number != 2 || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
					t.Errorf("Run = %v", err)
				}
				if strings.Contains(strings.Join(w.notes, "|"), "never") {
					t.Error("the script continued")
				}
			})
		})
	}
}

// Lines from before the end can still be expected.
func TestLinesBeforeTheEnd(t *testing.T) {
	t.Parallel()
	w := &fakeEnv{}
	w.lines.Add("x")
	w.lines.End(errors.New("over"))
	if quit, err := Run(t.Context(), steps(t, `expect = "x"`), w, Options{}); quit || err != nil {
		t.Errorf("Run = %v, %v", quit, err)
	}
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, step := range []string{`expect = "x"`, `sleep = "1h"`, `say = "x"`, `receive = "*"`} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			_, err := Run(ctx, steps(t, step), &fakeEnv{slow: time.Hour}, Options{})
			if !errors.Is(err, context.Canceled) || errors.Is(err, ErrTimeout) || errors.Is(err, ErrNoMatch) {
				t.Errorf("%s: Run = %v", step, err)
			}
		})
	}
}

func TestRunValidatesFirst(t *testing.T) {
	t.Parallel()
	w := &fakeEnv{}
	_, err := Run(t.Context(), steps(t, `say = "x"`, `run = "rm"`, `expect = "("`), w, Options{})
	if err == nil || strings.Count(err.Error(), "\n") != 1 || len(w.notes) > 0 {
		t.Errorf("Run = %v after %q", err, w.notes)
	}
}

func TestLinesAreBounded(t *testing.T) {
	t.Parallel()
	var l Lines
	for i := range maxLines + 5 {
		l.Add(fmt.Sprint(i))
	}
	if got := string(l.sinceRun()); strings.Count(got, "\n") != maxLines || !strings.HasPrefix(got, "5\n") {
		t.Errorf("%d lines, from %.9q on", strings.Count(got, "\n"), got)
	}
	l.Add("new")
	if got := string(l.sinceRun()); got != "new\n" {
		t.Errorf("then %q", got)
	}
	for range 5 {
		l.Add(strings.Repeat("x", maxBytes/4))
	}
	if got := len(l.sinceRun()); got != maxBytes+4 {
		t.Errorf("kept %d bytes", got)
	}
}
