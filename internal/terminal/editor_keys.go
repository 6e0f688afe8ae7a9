package terminal

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
)

// afterEscape is how long to wait for the rest of an escape sequence.
const afterEscape = 50 * time.Millisecond

// read handles keys from the terminal until the input ends.
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

// readKeys waits for keys and returns the lines that they complete. An error means that the input
// has ended.
func (e *Editor) readKeys() (typed []string, err error) {
	escapePending := time.Duration(0)
	e.update(func() {
		if e.typing.keys.escapePending() {
			escapePending = afterEscape
		}
	})
	err = e.input.poll(escapePending)
	e.update(func() { typed, err = e.press(err) })
	return typed, err
}

// press reads and handles the keys after poll has returned with the given error.
func (e *Editor) press(polled error) (typed []string, err error) {
	var keys []key
	switch {
	case polled == nil:
		e.resize() // for systems without a signal
		var buf [4096]byte
		n, err := e.input.readAvailable(buf[:e.question.limit(len(buf))])
		if err != nil || n == 0 {
			return nil, errors.Join(err, ErrHungUp)
		}
		e.question.read(n)
		keys = e.typing.keys.feed(buf[:n])
	case polled == errNoInput:
		keys = e.typing.keys.endEscape()
	case polled == errBackground:
		e.view.background = true
		return nil, e.attach()
	default:
		return nil, polled
	}
	for _, k := range keys {
		line, entered, err := e.handle(k)
		if entered && !e.answers(line) {
			typed = append(typed, line)
		}
		if err != nil {
			return typed, err
		}
		e.question.settle(len(e.typing.text) == 0)
	}
	return typed, nil
}

// handle handles a key. It returns the line that the key enters, or an error at the end of the
// input.
func (e *Editor) handle(k key) (line string, entered bool, err error) {
	switch k.kind {
	case keyInterrupt:
		return "", false, ErrInterrupted
	case keyEOF:
		if len(e.typing.text) > 0 {
			k.kind = keyDelete
			break
		}
		if e.question.decide(false) {
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
		if e.question.answer != nil && len(e.typing.text) == 0 {
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
	if e.opts.Plain { // such a terminal cannot move the cursor
		e.typing.at = len(e.typing.text)
	}
	return "", false, nil
}

// end records why the input has ended.
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

// complete completes the text before the cursor.
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

// common returns the common prefix of the words, in whole characters.
func common(words []string) string {
	prefix := words[0]
	for _, w := range words[1:] {
		for !strings.HasPrefix(w, prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	return strings.ToValidUTF8(prefix, "")
}
