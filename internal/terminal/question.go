package terminal

import (
	"context"
	"strings"
	"unicode/utf8"
)

// A question is what an Editor asks. Its answer is a line that was begun after it was shown: what
// was typed before answers nothing.
type question struct {
	answer chan bool // where Ask waits; nil: nothing is asked
	ahead  int       // bytes that were typed before it and are not read yet
	stale  bool      // the line that is being typed was begun before
}

// limit returns how much to read at once, so that bytes from before the question come alone.
func (q *question) limit(most int) int {
	if q.ahead > 0 {
		return min(q.ahead, most)
	}
	return most
}

// read notes that bytes were read.
func (q *question) read(n int) {
	if q.ahead > 0 {
		q.ahead -= n
		q.stale = true
	}
}

// settle notes, after each key, whether the line is empty.
func (q *question) settle(empty bool) {
	if empty && q.ahead <= 0 {
		q.stale = false
	}
}

// decide answers; false: nothing is asked.
func (q *question) decide(yes bool) bool {
	if q.answer == nil {
		return false
	}
	q.answer <- yes
	q.answer = nil
	return true
}

// Ask shows a question above the line that is being typed, and returns
// whether the next line that is "y", "yes", "n" or "no" said yes. Ctrl-D is a no. Other lines
// go to ReadLine as ever, and so does one that was begun before. One question is asked at a time. The error is
// ErrInterrupted, os.ErrClosed, ErrHungUp, io.EOF or the context's, with false.
func (e *Editor) Ask(ctx context.Context, text string) (bool, error) {
	e.asking.Lock()
	defer e.asking.Unlock()
	answer := make(chan bool, 1)
	e.locked(func() {
		ahead := waiting(e.in)
		e.open = question{answer: answer, ahead: ahead, stale: ahead > 0 || len(e.typing.text) > 0 || len(e.typing.keys.rest) > 0}
		e.view.above(text + " [y/N]")
	})
	defer e.locked(func() { e.open = question{} })
	select {
	case yes := <-answer:
		return yes, nil
	case <-ctx.Done():
		return false, ctx.Err()
	case <-e.ended:
		return false, e.err
	}
}

// answers takes a line that is the answer to a question.
func (e *Editor) answers(line string) bool {
	yes, ok := yesOrNo(line)
	return ok && !e.open.stale && e.open.decide(yes)
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

func lastRune(s string) (rune, int) { return utf8.DecodeLastRuneInString(s) }
