package terminal

import (
	"context"
	"errors"
	"os"
	"sync"

	"golang.org/x/term"
)

// ErrInterrupted says that the user typed Ctrl-C.
var ErrInterrupted = errors.New("interrupted")

// ErrHungUp says that the terminal is gone.
var ErrHungUp = errors.New("the terminal is gone")

// maxTypedAhead is how many lines may wait for ReadLine. Beyond that, keys wait, including
// Ctrl-C.
const maxTypedAhead = 256

// EditorOptions are the options of NewEditor.
type EditorOptions struct {
	Prompt string
	Plain  bool // for a terminal without escape sequences

	// Complete returns words that can replace the text between from and the cursor, given the
	// text before the cursor. Tab inserts the only word, or the common prefix of several. With
	// a negative from, Tab inserts a tab. Complete is called with the Editor locked; it may be
	// nil.
	Complete func(before string) (from int, words []string)
}

// An Editor reads lines from a terminal, with a prompt, history and the usual keys, while other
// lines are printed above the line that is being typed. Its methods may be called from several
// goroutines.
//
// While it is open the terminal is in raw mode: nothing else may write to it, and Ctrl-C sends no
// signal. Callers defer Close, so that a panic restores the terminal too. Ctrl-Z stops the process
// as usual, and in the background the Editor does not touch the terminal.
//
// It sends the terminal no queries, so it works on any that understands the common escape
// sequences of ECMA-48. Widths are those of grapheme clusters (UAX #11 and #29).
type Editor struct {
	in, out *os.File
	input   *input
	opts    EditorOptions

	lines       chan string
	interrupted chan struct{} // closed at Ctrl-C
	closing     chan struct{} // closed by Close
	ended       chan struct{} // closed when the reading goroutine ends
	err         error         // why it ended; set before ended is closed

	asking   sync.Mutex // held by the current Ask
	mu       sync.Mutex // guards the fields below
	typing   typing
	view     view
	question question

	close   sync.Once
	restore sync.Once
	cooked  *term.State // what Close restores
	undo    []func()
}

// NewEditor puts the terminal into raw mode and shows the prompt. Both files must be terminals; Close
// does not close them.
func NewEditor(in, out *os.File, o EditorOptions) (*Editor, error) {
	input, err := newInput(in)
	if err != nil {
		return nil, err
	}
	e := &Editor{
		in: in, out: out, opts: o, input: input,
		lines:       make(chan string, maxTypedAhead),
		interrupted: make(chan struct{}),
		closing:     make(chan struct{}),
		ended:       make(chan struct{}),
		view:        view{out: out, plain: o.Plain, remoteEcho: o.Plain && !echoes(in), background: true},
	}
	if e.cooked, err = term.GetState(int(in.Fd())); err != nil {
		input.close()
		return nil, err
	}
	e.undo = append(e.undo, enableEscapes(out))
	e.update(func() { err = e.attach() })
	if err != nil {
		input.close()
		return nil, err
	}
	e.undo = append(e.undo, onResize(func() { e.update(e.resize) }), onContinue(func() { e.update(e.continued) }))
	go e.read()
	return e, nil
}

// update calls f with the lock held, then redraws the screen.
func (e *Editor) update(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
	e.show()
}

// ReadLine returns the next typed line without its end. A paste of several lines is one line with \n in
// it. The error is ErrInterrupted after Ctrl-C, io.EOF after Ctrl-D, ErrHungUp, os.ErrClosed after
// Close, or the context's; in the last case a partly typed line is kept for the next call.
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

// Println prints a line above the line that is being typed. The line must not contain control
// characters other than tabs: see Visible.
func (e *Editor) Println(line string) {
	e.update(func() {
		e.view.background = e.view.background || !Foreground(e.in)
		e.view.above(line)
	})
}

// Close restores the terminal and waits for the Editor's goroutines, except on Windows for the one that
// waits for a key, which cannot be interrupted. Calling it twice is fine.
func (e *Editor) Close() error {
	e.close.Do(func() {
		close(e.closing)
		if e.input.cancel() {
			<-e.ended
			e.input.close()
		}
		e.Restore()
		for _, undo := range e.undo[1:] { // they stop goroutines that may wait for the lock
			undo()
		}
	})
	return nil
}

// show redraws the screen.
func (e *Editor) show() {
	prompt := e.opts.Prompt
	if e.question.answer != nil {
		prompt = "[y/N] " + prompt
	}
	e.view.show(prompt, &e.typing)
	e.view.flush()
}
