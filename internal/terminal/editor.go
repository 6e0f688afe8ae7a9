package terminal

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// ErrInterrupted says that Ctrl-C was typed.
var ErrInterrupted = errors.New("interrupted")

// typedAhead is how many lines may wait for ReadLine. Beyond them typing, and
// so Ctrl-C, waits too.
const typedAhead = 256

// An Editor reads lines from a terminal, with a prompt, history and the usual
// keys, while other lines are printed above the one that is being typed. Its
// methods may be called from several goroutines at once.
//
// As long as it is open the terminal is in raw mode: nothing else may write to
// it, and Ctrl-C is no signal. Callers defer Close, so that the terminal is
// restored on a panic as well.
type Editor struct {
	in, out *os.File
	keys    *keys
	t       *term.Terminal
	prompt  string

	lines       chan string
	interrupted chan struct{} // closed at Ctrl-C
	closing     chan struct{} // closed by Close
	ended       chan struct{} // closed when the reading goroutine ends
	err         error         // why it ended; set before

	asking sync.Mutex // held by the Ask that is under way
	mu     sync.Mutex
	answer chan bool // where the Ask under way waits; nil: none is

	close   sync.Once
	restore sync.Once
	state   *term.State
	undo    []func()
}

// NewEditor puts the terminal into raw mode and shows the prompt. Both files
// are terminals, and stay open when the Editor is closed.
func NewEditor(in, out *os.File, prompt string) (*Editor, error) {
	input, err := newInput(in)
	if err != nil {
		return nil, err
	}
	e := &Editor{
		in: in, out: out, prompt: prompt, keys: &keys{in: input},
		lines:       make(chan string, typedAhead),
		interrupted: make(chan struct{}),
		closing:     make(chan struct{}),
		ended:       make(chan struct{}),
	}
	e.state, err = term.MakeRaw(int(in.Fd()))
	if err != nil {
		input.close()
		return nil, err
	}
	e.undo = append(e.undo, obeyEscapes(out))
	e.t = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{e.keys, out}, prompt)
	e.t.SetBracketedPasteMode(true)
	e.resize()
	e.undo = append(e.undo, onResize(e.resize))
	go e.read()
	return e, nil
}

// ReadLine returns the next line typed, without its end. The error is
// ErrInterrupted from Ctrl-C on, io.EOF after Ctrl-D, os.ErrClosed after Close,
// or the context's; a line that is being typed then is kept for the next call.
func (e *Editor) ReadLine(ctx context.Context) (string, error) {
	select {
	case <-e.interrupted:
		return "", ErrInterrupted
	default:
	}
	select {
	case line := <-e.lines:
		return line, nil
	case <-e.interrupted:
		return "", ErrInterrupted
	case <-ctx.Done():
		return "", ctx.Err()
	case <-e.ended:
	}
	select {
	case line := <-e.lines: // typed before the end
		return line, nil
	default:
		return "", e.err
	}
}

// Interrupted is closed when Ctrl-C is typed.
func (e *Editor) Interrupted() <-chan struct{} { return e.interrupted }

// Println prints a line above the one that is being typed. It must not hold
// control characters: see Visible.
func (e *Editor) Println(line string) { io.WriteString(e.t, line+"\n") }

// Write prints whole lines as Println does, so that the Editor can stand in
// for the file that it was given.
func (e *Editor) Write(b []byte) (int, error) { return e.t.Write(b) }

// Close restores the terminal and waits for the Editor's goroutines, but for
// one that waits for a key where a system cannot interrupt that (Windows).
// Twice is fine.
func (e *Editor) Close() error {
	e.close.Do(func() {
		close(e.closing)
		if e.keys.in.cancel() {
			<-e.ended
			e.keys.in.close()
		}
		e.restoreTerminal()
	})
	return nil
}

// Restore restores the terminal's state at once, where there is no time to Close.
func (e *Editor) Restore() { e.restoreTerminal() }

func (e *Editor) restoreTerminal() {
	e.restore.Do(func() {
		e.t.SetBracketedPasteMode(false)
		io.WriteString(e.out, "\r\x1b[K") // away with the prompt
		term.Restore(int(e.in.Fd()), e.state)
		for _, undo := range e.undo {
			undo()
		}
	})
}

func (e *Editor) resize() {
	if w, h, err := term.GetSize(int(e.out.Fd())); err == nil && w > 0 && h > 0 {
		e.t.SetSize(w, h)
	}
}

// read takes lines from the terminal until there are no more.
func (e *Editor) read() {
	defer func() {
		if p := recover(); p != nil {
			e.restoreTerminal()
			panic(p)
		}
	}()
	defer close(e.ended)
	for {
		line, err := e.t.ReadLine()
		if err != nil && !errors.Is(err, term.ErrPasteIndicator) {
			e.end(err)
			return
		}
		e.resize()
		if e.answers(line) {
			continue
		}
		select {
		case e.lines <- line:
		case <-e.closing:
			e.err = os.ErrClosed
			return
		}
	}
}

// end notes why there are no more lines.
func (e *Editor) end(err error) {
	switch {
	case errors.Is(err, os.ErrClosed):
		e.err = os.ErrClosed
	case err == io.EOF && e.keys.last == ctrlC:
		e.err = ErrInterrupted
		close(e.interrupted)
	default:
		e.err = err
	}
}

// Ask shows a question above the line that is being typed, and returns
// whether the next line that is "y", "yes", "n" or "no" said yes. Other lines
// go to ReadLine as ever. One question is asked at a time. The error is
// ErrInterrupted, os.ErrClosed, io.EOF or the context's, with false.
func (e *Editor) Ask(ctx context.Context, question string) (bool, error) {
	e.asking.Lock()
	defer e.asking.Unlock()
	answer := make(chan bool, 1)
	e.expectAnswer(answer, "[y/N] "+e.prompt)
	defer e.expectAnswer(nil, e.prompt)
	e.Println(question + " [y/N]")
	select {
	case yes := <-answer:
		return yes, nil
	case <-ctx.Done():
		return false, ctx.Err()
	case <-e.ended:
		return false, e.err
	}
}

func (e *Editor) expectAnswer(answer chan bool, prompt string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answer = answer
	e.t.SetPrompt(prompt)
}

// answers takes a line that is the answer to a question.
func (e *Editor) answers(line string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	yes, ok := yesOrNo(line)
	if !ok || e.answer == nil {
		return false
	}
	e.answer <- yes
	e.answer = nil
	e.t.SetPrompt(e.prompt)
	return true
}

// yesOrNo reads an answer; ok tells whether it is one.
func yesOrNo(line string) (yes, ok bool) {
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return true, true
	case "n", "no":
		return false, true
	}
	return false, false
}
