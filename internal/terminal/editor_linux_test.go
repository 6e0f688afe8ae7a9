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
	p.sees("> ")
	return e, p
}

func (p *pty) reads(e *Editor, want string, wantErr error) {
	p.t.Helper()
	if line, err := e.ReadLine(p.t.Context()); line != want || !errors.Is(err, wantErr) {
		p.t.Fatalf("ReadLine = %q, %v; want %q, %v", line, err, want, wantErr)
	}
}

func TestEditorReadsLines(t *testing.T) {
	t.Parallel()
	e, p := newTestEditor(t)
	p.keys("hello\rgrün\x7f\x7fau\r\r")
	p.reads(e, "hello", nil)
	p.reads(e, "grau", nil)
	p.reads(e, "", nil)
	p.keys("\x1b[A\r") // up: the history
	p.reads(e, "grau", nil)
}

func TestEditorPrintsAboveTheLine(t *testing.T) {
	t.Parallel()
	e, p := newTestEditor(t)
	p.keys("hal")
	p.sees("hal")
	e.Println("incoming")
	p.sees("incoming\r\n> hal")
	e.Println("two\nlines")
	p.sees("two\r\nlines\r\n> hal")
	p.keys("f\r")
	p.reads(e, "half", nil)
}

func TestEditorCtrlC(t *testing.T) {
	t.Parallel()
	e, p := newTestEditor(t)
	p.keys("unread\rhalf a li\x03")
	<-e.Interrupted()
	p.reads(e, "", ErrInterrupted)
	p.reads(e, "", ErrInterrupted)
}

func TestEditorCtrlD(t *testing.T) {
	t.Parallel()
	e, p := newTestEditor(t)
	p.keys("one\r\x1b[200~two \x03 pasted\x1b[201~\r\x04")
	p.reads(e, "one", nil)
	p.reads(e, "two \x03 pasted", nil) // a pasted Ctrl-C is no Ctrl-C
	p.reads(e, "", io.EOF)
	p.reads(e, "", io.EOF)
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
	p.keys("!\r") // nothing is entered by pasting
	p.reads(e, "one\ntwo\nthree!", nil)
	p.keys("\x1b[200~a\tb\r\n\x1b[201~\r")
	p.reads(e, "a\tb", nil) // the last line's end is pressed by hand
	p.keys("c\td\r")
	p.reads(e, "c\td", nil)
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
	p.reads(e, "kept", nil)
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
	p.sees("\x1b[?2004l") // and no brackets around pastes
	p.reads(e, "", os.ErrClosed)
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if _, err := e.Ask(t.Context(), "?"); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Ask = %v", err)
	}
	p.tty.WriteString("x") // still open
	p.sees("x")
}

// Nobody reads, and more is typed than is kept: Close does not wait for that.
func TestEditorCloseWithUnreadLines(t *testing.T) {
	t.Parallel()
	e, p := newTestEditor(t)
	for range typedAhead + 1 {
		p.keys("x\r")
		p.sees("\n")
	}
	p.keys("x\r")
	e.Close()
	for range typedAhead {
		p.reads(e, "x", nil)
	}
	p.reads(e, "", os.ErrClosed)
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
		p.sees("accept? [y/N]\r\n[y/N] > ")
		p.keys("a line as ever\r" + keys + "y\r")
		if a := <-answers; a.yes != want || a.err != nil {
			t.Errorf("Ask = %v, %v after %q", a.yes, a.err, keys)
		}
		p.reads(e, "a line as ever", nil)
		p.reads(e, "y", nil) // no question is open any more
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
	p.sees(strings.Repeat("x", 70))
	p.resize(40)
	p.reads(e, strings.Repeat("x", 70), nil)
	if err := unix.Kill(os.Getpid(), unix.SIGWINCH); err != nil {
		t.Fatal(err)
	}
	p.keys(strings.Repeat("y", 50) + "\r")
	p.reads(e, strings.Repeat("y", 50), nil)
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
		t.Error("an editor on a pipe")
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
		p.keys("y\n") // before it is asked
		if yes, err := p.ask(t.Context(), keys); yes != want || err != nil {
			t.Errorf("Ask = %v, %v after %.9q", yes, err, keys)
		}
	}
}

// ask asks, and types what it is given once the question stands there.
func (p *pty) ask(ctx context.Context, keys string) (yes bool, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		yes, err = Ask(ctx, p.tty, p.tty, "go on?")
	}()
	p.sees("go on? [y/N] ")
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
	p.sees("go on? [y/N] \r\n")
	if yes, err := p.ask(t.Context(), "\x04"); yes || err != io.EOF {
		t.Errorf("Ask = %v, %v", yes, err)
	}
}

func TestAskWithoutTerminal(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe() // and nothing is ever written
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
		t.Error("a pipe passes for a terminal")
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

// What was typed before a question answers nothing, whether it was entered or not.
func TestEditorAskTypedAhead(t *testing.T) {
	t.Parallel()
	e, p := newTestEditor(t)
	p.keys("y")
	p.sees("y")
	answers := make(chan bool)
	go func() {
		yes, _ := e.Ask(t.Context(), "accept?")
		answers <- yes
	}()
	p.sees("[y/N] > y")
	p.keys("\r")
	p.reads(e, "y", nil)
	p.keys("\r") // neither an answer nor a line
	p.sees("\a")
	p.keys("\x04") // no
	if <-answers {
		t.Error("Ctrl-D says yes")
	}
	p.keys("on\r")
	p.reads(e, "on", nil)
}

func TestEditorHangUp(t *testing.T) {
	t.Parallel()
	e, p := newTestEditor(t)
	p.person.Close()
	p.reads(e, "", ErrHungUp)
}

// A line may be as long as a person wishes: the one who reads it says what is too long.
func TestEditorLongLines(t *testing.T) {
	t.Parallel()
	e, p := newTestEditor(t)
	drain := p.drain()
	defer drain()
	long := strings.Repeat("0123456789", 7000)
	p.keys("\x1b[200~" + long + "\x1b[201~\r")
	p.reads(e, long, nil)
	p.keys(long[:20_000] + "\r")
	p.reads(e, long[:20_000], nil)
	p.keys("\x1b[200~" + strings.Repeat(long, 16) + "\x1b[201~\r") // too much is not taken at all
	p.reads(e, "", nil)
}
