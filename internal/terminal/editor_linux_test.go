package terminal

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func newTestEditor(t *testing.T) (*Editor, *pty) {
	t.Helper()
	p := newPTY(t)
	e, err := NewEditor(p.tty, p.tty, EditorOptions{Prompt: "> "})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	p.expect("> ")
	return e, p
}

func (p *pty) wantLine(e *Editor, want string, wantErr error) {
	p.t.Helper()
	if line, err := e.ReadLine(p.t.Context()); line != want || !errors.Is(err, wantErr) {
		p.t.Fatalf("ReadLine = %q, %v; want %q, %v", line, err, want, wantErr)
	}
}

func TestEditorReadsLines(t *testing.T) {
	t.Parallel()
	e, p := newTestEditor(t)
	p.keys("hello\rgrün\x7f\x7fau\r\r")
	p.wantLine(e, "hello", nil)
	p.wantLine(e, "grau", nil)
	p.wantLine(e, "", nil)
	p.keys("\x1b[A\r") // up: the history
	p.wantLine(e, "grau", nil)
}

func TestEditorPrintsAboveTheLine(t *testing.T) {
	t.Parallel()
	e, p := newTestEditor(t)
	p.keys("hal")
	p.expect("hal")
	e.Println("incoming")
	p.expect("incoming\r\n> hal")
	e.Println("two\nlines")
	p.expect("two\r\nlines\r\n> hal")
	p.keys("f\r")
	p.wantLine(e, "half", nil)
}

func TestEditorCtrlC(t *testing.T) {
	t.Parallel()
	e, p := newTestEditor(t)
	p.keys("unread\rhalf a li\x03")
	<-e.Interrupted()
	p.wantLine(e, "", ErrInterrupted)
	p.wantLine(e, "", ErrInterrupted)
}

func TestEditorCtrlD(t *testing.T) {
	t.Parallel()
	e, p := newTestEditor(t)
	p.keys("one\r\x1b[200~two \x03 pasted\x1b[201~\r\x04")
	p.wantLine(e, "one", nil)
	p.wantLine(e, "two \x03 pasted", nil) // a pasted Ctrl-C does not interrupt
	p.wantLine(e, "", io.EOF)
	p.wantLine(e, "", io.EOF)
	select {
	case <-e.Interrupted():
		t.Error("Ctrl-D interrupts")
	default:
	}
}

func TestEditorPaste(t *testing.T) {
	t.Parallel()
	e, p := newTestEditor(t)
	p.keys("\x1b[200~one\rtwo\rthree\x1b[201~")
	p.keys("!\r") // a paste does not enter the line
	p.wantLine(e, "one\ntwo\nthree!", nil)
	p.keys("\x1b[200~a\tb\r\n\x1b[201~\r")
	p.wantLine(e, "a\tb", nil) // the line end of a paste is dropped
	p.keys("c\td\r")
	p.wantLine(e, "c\td", nil)
}

func TestEditorContext(t *testing.T) {
	t.Parallel()
	e, p := newTestEditor(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p.keys("kep")
	if _, err := e.ReadLine(ctx); err != context.Canceled {
		t.Errorf("ReadLine = %v", err)
	}
	p.keys("t\r")
	p.wantLine(e, "kept", nil)
}

func TestEditorCloseRestores(t *testing.T) {
	t.Parallel()
	p := newPTY(t)
	before := p.mode()
	e, err := NewEditor(p.tty, p.tty, EditorOptions{Prompt: "> "})
	if err != nil {
		t.Fatal(err)
	}
	if p.mode() == before {
		t.Error("the terminal is not in raw mode")
	}
	func() {
		defer func() { recover() }()
		defer e.Close()
		panic("something broke")
	}()
	if p.mode() != before {
		t.Error("the terminal is left in raw mode")
	}
	p.expect("\x1b[?2004l") // bracketed paste is off
	p.wantLine(e, "", os.ErrClosed)
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if _, err := e.Ask(t.Context(), "?"); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Ask = %v", err)
	}
	p.tty.WriteString("x") // still open
	p.expect("x")
}

// Close does not wait for typed lines that nobody reads.
func TestEditorCloseWithUnreadLines(t *testing.T) {
	t.Parallel()
	e, p := newTestEditor(t)
	for range maxTypedAhead + 1 {
		p.keys("x\r")
		p.expect("\n")
	}
	p.keys("x\r")
	e.Close()
	for range maxTypedAhead {
		p.wantLine(e, "x", nil)
	}
	p.wantLine(e, "", os.ErrClosed)
}

func TestEditorAsk(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]bool{"y\r": true, " Yes \r": true, "n\r": false, "no\r": false} {
		e, p := newTestEditor(t)
		type answer struct {
			yes bool
			err error
		}
		answers := make(chan answer)
		go func() {
			yes, err := e.Ask(t.Context(), "accept?")
			answers <- answer{yes, err}
		}()
		p.expect("accept? [y/N]\r\n[y/N] > ")
		p.keys("a line as ever\r" + keys + "y\r")
		if a := <-answers; a.yes != want || a.err != nil {
			t.Errorf("Ask = %v, %v after %q", a.yes, a.err, keys)
		}
		p.wantLine(e, "a line as ever", nil)
		p.wantLine(e, "y", nil) // the question is closed
	}
}

func TestEditorAskUnanswered(t *testing.T) {
	t.Parallel()
	e, p := newTestEditor(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if yes, err := e.Ask(ctx, "accept?"); yes || err != context.DeadlineExceeded {
		t.Errorf("Ask = %v, %v", yes, err)
	}
	p.keys("y\r\x03")
	if yes, err := e.Ask(t.Context(), "and this?"); yes && err != nil {
		t.Errorf("Ask = %v, %v", yes, err)
	}
	<-e.Interrupted()
}

func TestEditorWraps(t *testing.T) {
	t.Parallel()
	e, p := newTestEditor(t)
	p.keys(strings.Repeat("x", 70) + "\r")
	p.expect(strings.Repeat("x", 70))
	p.resize(40)
	p.wantLine(e, strings.Repeat("x", 70), nil)
	if err := unix.Kill(os.Getpid(), unix.SIGWINCH); err != nil {
		t.Fatal(err)
	}
	p.keys(strings.Repeat("y", 50) + "\r")
	p.wantLine(e, strings.Repeat("y", 50), nil)
}

func TestNoEditorWithoutTerminal(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if e, err := NewEditor(r, w, EditorOptions{Prompt: "> "}); err == nil {
		e.Close()
		t.Error("NewEditor accepted a pipe")
	}
}

func TestOnResize(t *testing.T) {
	t.Parallel()
	resized := make(chan struct{}, 100)
	stop := onResize(func() {
		select {
		case resized <- struct{}{}:
		default:
		}
	})
	if err := unix.Kill(os.Getpid(), unix.SIGWINCH); err != nil {
		t.Fatal(err)
	}
	<-resized
	stop()
}

func TestAsk(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("y", 3*maxAnswer)
	for keys, want := range map[string]bool{
		"y\n": true, "YES\n": true, "\n": false, "n\n": false, "maybe\n": false, long + "\n": false, "\x7fy\n": true,
	} {
		p := newPTY(t)
		p.keys("y\n") // typed before the question
		if yes, err := p.ask(t.Context(), keys); yes != want || err != nil {
			t.Errorf("Ask = %v, %v after %.9q", yes, err, keys)
		}
	}
}

// ask asks a question, and types keys once it is shown.
func (p *pty) ask(ctx context.Context, keys string) (yes bool, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		yes, err = Ask(ctx, p.tty, p.tty, "go on?")
	}()
	p.expect("go on? [y/N] ")
	p.keys(keys)
	<-done
	return yes, err
}

func TestAskEnds(t *testing.T) {
	t.Parallel()
	p := newPTY(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if yes, err := Ask(ctx, p.tty, p.tty, "go on?"); yes || err != context.DeadlineExceeded {
		t.Errorf("Ask = %v, %v", yes, err)
	}
	p.expect("go on? [y/N] \r\n")
	if yes, err := p.ask(t.Context(), "\x04"); yes || err != io.EOF {
		t.Errorf("Ask = %v, %v", yes, err)
	}
}

func TestAskWithoutTerminal(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe() // nothing is ever written to it
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	var out strings.Builder
	if yes, err := Ask(t.Context(), r, &out, "go on?"); yes || err != nil || out.Len() > 0 {
		t.Errorf("Ask = %v, %v, wrote %q", yes, err, out.String())
	}
	if IsTerminal(r) || IsTerminal(nil) || Columns(r) != defaultColumns {
		t.Error("a pipe counts as a terminal")
	}
}

func TestColumns(t *testing.T) {
	t.Parallel()
	p := newPTY(t)
	p.resize(47)
	if !IsTerminal(p.tty) || Columns(p.tty) != 47 {
		t.Errorf("terminal %v, %d columns", IsTerminal(p.tty), Columns(p.tty))
	}
}

// Input typed before a question does not answer it, whether Enter was pressed or not.
func TestEditorAskTypedAhead(t *testing.T) {
	t.Parallel()
	e, p := newTestEditor(t)
	p.keys("y")
	p.expect("y")
	answers := make(chan bool)
	go func() {
		yes, _ := e.Ask(t.Context(), "accept?")
		answers <- yes
	}()
	p.expect("[y/N] > y")
	p.keys("\r")
	p.wantLine(e, "y", nil)
	p.keys("\r") // neither an answer nor a line
	p.expect("\a")
	p.keys("\x04") // no
	if <-answers {
		t.Error("Ctrl-D says yes")
	}
	p.keys("on\r")
	p.wantLine(e, "on", nil)
}

func TestEditorHangUp(t *testing.T) {
	t.Parallel()
	e, p := newTestEditor(t)
	p.master.Close()
	p.wantLine(e, "", ErrHungUp)
}

// The editor accepts long lines: its caller has the limit.
func TestEditorLongLines(t *testing.T) {
	t.Parallel()
	e, p := newTestEditor(t)
	drain := p.drain()
	defer drain()
	long := strings.Repeat("0123456789", 7000)
	p.keys("\x1b[200~" + long + "\x1b[201~\r")
	p.wantLine(e, long, nil)
	p.keys(long[:20_000] + "\r")
	p.wantLine(e, long[:20_000], nil)
	p.keys("\x1b[200~" + strings.Repeat(long, 16) + "\x1b[201~\r") // a paste beyond maxText is dropped
	p.wantLine(e, "", nil)
}
