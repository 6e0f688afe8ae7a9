package terminal

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// ErrInterrupted says that Ctrl-C was typed.
var ErrInterrupted = errors.New("interrupted")

// ErrHungUp says that the terminal is gone.
var ErrHungUp = errors.New("the terminal is gone")

// typedAhead is how many lines may wait for ReadLine. Beyond them typing, and
// so Ctrl-C, waits too.
const typedAhead = 256

// EditorOptions are those of NewEditor.
type EditorOptions struct {
	Prompt string
	Plain  bool // the terminal understands no escape sequences

	// Complete returns what may stand, from a place on, instead of the end of what is before
	// the cursor: whole words, of which one is taken, or how far they agree. A
	// negative place: Tab inserts a tab. It is called with the Editor locked. May be nil.
	Complete func(before string) (from int, words []string)
}

// An Editor reads lines from a terminal, with a prompt, history and the usual
// keys, while other lines are printed above the one that is being typed. Its
// methods may be called from several goroutines at once.
//
// As long as it is open the terminal is in raw mode: nothing else may write to
// it, and Ctrl-C is no signal. Callers defer Close, so that the terminal is
// restored on a panic as well. Ctrl-Z stops the process like any other, and in the background
// the Editor leaves the terminal alone.
//
// It asks the terminal nothing, so it works on any that knows the common escape sequences of
// ECMA-48. Widths are those of grapheme clusters after Unicode UAX #11 and #29.
type Editor struct {
	in, out *os.File
	input   *input
	opts    EditorOptions

	lines       chan string
	interrupted chan struct{} // closed at Ctrl-C
	closing     chan struct{} // closed by Close
	ended       chan struct{} // closed when the reading goroutine ends
	err         error         // why it ended; set before

	asking sync.Mutex // held by the Ask that is under way
	mu     sync.Mutex // guards what is below
	typing typing
	view   view
	open   question

	close   sync.Once
	restore sync.Once
	cooked  *term.State // what Close restores
	undo    []func()
}

// NewEditor puts the terminal into raw mode and shows the prompt. Both files
// are terminals, and stay open when the Editor is closed.
func NewEditor(in, out *os.File, o EditorOptions) (*Editor, error) {
	input, err := newInput(in)
	if err != nil {
		return nil, err
	}
	e := &Editor{
		in: in, out: out, opts: o, input: input,
		lines:       make(chan string, typedAhead),
		interrupted: make(chan struct{}),
		closing:     make(chan struct{}),
		ended:       make(chan struct{}),
		view:        view{out: out, plain: o.Plain, quiet: o.Plain && !echoes(in), away: true},
	}
	if e.cooked, err = term.GetState(int(in.Fd())); err != nil {
		input.close()
		return nil, err
	}
	e.undo = append(e.undo, obeyEscapes(out))
	e.locked(func() { err = e.attach() })
	if err != nil {
		input.close()
		return nil, err
	}
	e.undo = append(e.undo, onResize(func() { e.locked(e.resize) }), onContinue(func() { e.locked(e.continued) }))
	go e.read()
	return e, nil
}

// locked calls f with the lock, and brings the screen up to date after.
func (e *Editor) locked(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
	e.show()
}

// ReadLine returns the next line typed, without its end. A paste of several is one, with \n
// between them. The error is
// ErrInterrupted from Ctrl-C on, io.EOF after Ctrl-D, ErrHungUp, os.ErrClosed after Close,
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
// control characters but tabs: see Visible.
func (e *Editor) Println(line string) {
	e.locked(func() {
		e.view.away = e.view.away || !Foreground(e.in)
		e.view.above(line)
	})
}

// Close restores the terminal and waits for the Editor's goroutines, but for
// one that waits for a key where a system cannot interrupt that (Windows).
// Twice is fine.
func (e *Editor) Close() error {
	e.close.Do(func() {
		close(e.closing)
		if e.input.cancel() {
			<-e.ended
			e.input.close()
		}
		e.Restore()
		for _, undo := range e.undo[1:] { // stops goroutines that may wait for the lock
			undo()
		}
	})
	return nil
}

// Restore restores the terminal's state at once, where there is no time to Close.
func (e *Editor) Restore() {
	e.restore.Do(func() {
		if e.mu.TryLock() {
			defer e.mu.Unlock()
			e.detach()
			e.view.closed = true
		} else if Foreground(e.in) {
			term.Restore(int(e.in.Fd()), e.cooked)
		}
		e.undo[0]()
	})
}

// attach takes the terminal, if this process is in the foreground.
func (e *Editor) attach() error {
	if e.view.closed || !Foreground(e.in) {
		return nil
	}
	if _, err := term.MakeRaw(int(e.in.Fd())); err != nil {
		return err
	}
	e.view.attach()
	e.resize()
	return nil
}

// detach gives the terminal back as it was.
func (e *Editor) detach() {
	if e.view.away {
		return
	}
	e.view.detach()
	if Foreground(e.in) { // else another process has changed it by now
		term.Restore(int(e.in.Fd()), e.cooked)
	}
}

// continued takes the terminal again after the process was stopped.
func (e *Editor) continued() {
	if !e.view.closed {
		e.view.away = true
		e.attach()
	}
}

// suspend stops the process, as Ctrl-Z does where nobody reads it.
func (e *Editor) suspend() {
	e.detach()
	stopSelf()
	e.continued()
}

func (e *Editor) resize() {
	if w, h, err := term.GetSize(int(e.out.Fd())); err == nil && w > 0 && h > 0 {
		e.view.resize(w, h)
	}
}

// show brings the screen up to date.
func (e *Editor) show() {
	prompt := e.opts.Prompt
	if e.open.answer != nil {
		prompt = "[y/N] " + prompt
	}
	e.view.show(prompt, &e.typing)
	e.view.flush()
}

// afterEscape is how long the bytes of a key come after its escape, at most.
const afterEscape = 50 * time.Millisecond

// read takes keys from the terminal until there are no more.
func (e *Editor) read() {
	defer func() {
		if p := recover(); p != nil {
			e.Restore()
			panic(p)
		}
	}()
	defer close(e.ended)
	for {
		typed, err := e.readKeys()
		for _, line := range typed {
			select {
			case e.lines <- line:
			case <-e.closing:
				e.err = os.ErrClosed
				return
			}
		}
		if err != nil {
			e.end(err)
			return
		}
	}
}

// readKeys waits for some keys and returns the lines that they complete, and an error if
// they are the last ones.
func (e *Editor) readKeys() (typed []string, err error) {
	hesitates := time.Duration(0)
	e.locked(func() {
		if e.typing.keys.hesitates() {
			hesitates = afterEscape
		}
	})
	err = e.input.poll(hesitates)
	e.locked(func() { typed, err = e.press(err) })
	return typed, err
}

// press reads and obeys what poll has waited for.
func (e *Editor) press(polled error) (typed []string, err error) {
	var keys []key
	switch {
	case polled == nil:
		e.resize() // where no signal tells
		var buf [4096]byte
		n, err := e.input.take(buf[:e.open.limit(len(buf))])
		if err != nil || n == 0 {
			return nil, errors.Join(err, ErrHungUp)
		}
		e.open.read(n)
		keys = e.typing.keys.feed(buf[:n])
	case polled == errNoInput:
		keys = e.typing.keys.settle()
	case polled == errBackground:
		e.view.away = true
		return nil, e.attach()
	default:
		return nil, polled
	}
	for _, k := range keys {
		line, entered, err := e.obey(k)
		if entered && !e.answers(line) {
			typed = append(typed, line)
		}
		if err != nil {
			return typed, err
		}
		e.open.settle(len(e.typing.text) == 0)
	}
	return typed, nil
}

// obey does what a key is for. A line is returned when it is entered, and an error at the end.
func (e *Editor) obey(k key) (line string, entered bool, err error) {
	switch k.kind {
	case keyInterrupt:
		return "", false, ErrInterrupted
	case keyEOF:
		if len(e.typing.text) > 0 {
			k.kind = keyDelete
			break
		}
		if e.open.decide(false) {
			return "", false, nil
		}
		return "", false, io.EOF
	case keySuspend:
		e.suspend()
		return "", false, nil
	case keyClear:
		e.view.clearScreen()
		return "", false, nil
	case keyTab:
		e.complete()
		return "", false, nil
	case keyEnter:
		if e.open.answer != nil && len(e.typing.text) == 0 {
			e.view.bell() // neither an answer nor a line
			return "", false, nil
		}
		line := e.typing.enter()
		e.show()
		e.view.leave()
		e.typing.clear()
		return line, true, nil
	}
	if e.opts.Plain && k.kind == keySearch || !e.typing.press(k) {
		e.view.bell()
	}
	if e.opts.Plain { // where the cursor cannot be moved
		e.typing.at = len(e.typing.text)
	}
	return "", false, nil
}

// end notes why there are no more lines.
func (e *Editor) end(err error) {
	switch {
	case errors.Is(err, ErrInterrupted):
		e.err = ErrInterrupted
		close(e.interrupted)
	case errors.Is(err, fs.ErrClosed):
		e.err = os.ErrClosed
	case errors.Is(err, ErrHungUp):
		e.err = ErrHungUp
	default:
		e.err = err
	}
}

// complete completes what is before the cursor.
func (e *Editor) complete() {
	from, words := -1, []string(nil)
	if e.opts.Complete != nil && !e.opts.Plain {
		from, words = e.opts.Complete(string(e.typing.text[:e.typing.at]))
	}
	switch {
	case from < 0:
		e.typing.press(key{keyText, "\t"})
	case len(words) == 0:
		e.view.bell()
	default:
		if !e.typing.replace(from, common(words)) {
			e.view.above(strings.Join(words, "  "))
		}
	}
}

// common returns how far the words agree, in whole characters.
func common(words []string) string {
	prefix := words[0]
	for _, w := range words[1:] {
		for !strings.HasPrefix(w, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	return strings.ToValidUTF8(prefix, "")
}

// A view is what of an Editor is on the screen.
type view struct {
	out    *os.File
	plain  bool
	quiet  bool         // the terminal's other side shows what is typed
	away   bool         // the terminal is another process's
	closed bool         // for good
	area   area         // unless plain
	line   plainLine    // if plain
	buf    bytes.Buffer // what is to be written
}

func (v *view) attach() {
	v.away = false
	v.area.forget()
	v.line.shown = ""
	v.buf.WriteByte('\r')
	v.escape("\x1b[J\x1b[?2004h") // and brackets around pastes
}

func (v *view) detach() {
	v.clear()
	v.escape("\x1b[?2004l")
	v.flush()
	v.away = true
}

// escape writes an escape sequence where one is understood.
func (v *view) escape(s string) {
	if !v.plain {
		v.buf.WriteString(s)
	}
}

func (v *view) bell() { v.buf.WriteByte('\a') }

func (v *view) clear() {
	if v.plain {
		v.line.clear(&v.buf)
		return
	}
	v.area.clear(&v.buf)
}

// leave lets the line stay on the screen, and goes below it.
func (v *view) leave() {
	if v.plain {
		v.line.leave(&v.buf)
		return
	}
	v.area.leave(&v.buf)
}

func (v *view) clearScreen() {
	v.area.forget()
	v.escape("\x1b[H\x1b[2J")
}

// above prints lines above what is edited, which is shown again by the next show.
func (v *view) above(text string) {
	if !v.away {
		v.clear()
	}
	v.buf.WriteString(strings.ReplaceAll(text, "\n", "\r\n") + "\r\n")
}

func (v *view) resize(columns, lines int) {
	v.line.columns = columns
	if v.area.columns == columns && v.area.lines == lines {
		return
	}
	v.area.resize(columns, lines)
	if !v.away && !v.plain {
		v.area.clear(&v.buf)
	}
}

// show draws the line that is edited.
func (v *view) show(prompt string, t *typing) {
	switch {
	case v.away || v.closed:
	case v.plain && v.quiet:
		v.line.draw(&v.buf, prompt)
	case v.plain:
		v.line.draw(&v.buf, prompt+Visible(t.String()))
	default:
		before, after := t.shown(prompt)
		v.area.draw(&v.buf, lay(before, after, v.area.columns))
	}
}

// flush writes. A terminal that is gone is found out by reading.
func (v *view) flush() {
	if v.buf.Len() > 0 {
		v.out.Write(v.buf.Bytes())
		v.buf.Reset()
	}
}
