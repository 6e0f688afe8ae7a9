package terminal

import (
	"context"
	"strings"
	"unicode/utf8"
)

// A question is an open question of an Editor. Only a line that was begun after the question was
// shown can answer it.
type question struct {
	answer chan bool // Ask waits on it; nil: no question
	ahead  int       // bytes typed before the question that are not read yet
	stale  bool      // the current line was begun before the question
}

// limit returns how much to read at once, so that bytes typed before the question are read separately.
func (q *question) limit(most int) int {
	if q.ahead > 0 {
		return min(q.ahead, most)
	}
	return most
}

// read records that bytes were read.
func (q *question) read(n int) {
	if q.ahead > 0 {
		q.ahead -= n
		q.stale = true
	}
}

// settle is called after each key: an empty line that is not older than the question can answer it.
func (q *question) settle(empty bool) {
	if empty && q.ahead <= 0 {
		q.stale = false
	}
}

// decide answers the question. It returns false if there is none.
func (q *question) decide(yes bool) bool {
	if q.answer == nil {
		return false
	}
	q.answer <- yes
	q.answer = nil
	return true
}

// Ask shows a question above the line that is being typed. The next line that is "y", "yes", "n" or
// "no" answers it; Ctrl-D is a no. Other lines go to ReadLine as usual, and so does a line that was
// begun before the question. Questions are asked one at a time. The error is ErrInterrupted,
// os.ErrClosed, ErrHungUp, io.EOF or the context's; the answer is then no.
func (e *Editor) Ask(ctx context.Context, text string) (bool, error) {
	e.asking.Lock()
	defer e.asking.Unlock()
	answer := make(chan bool, 1)
	e.update(func() {
		ahead := unreadBytes(e.in)
		e.question = question{answer: answer, ahead: ahead, stale: ahead > 0 || len(e.typing.text) > 0 || len(e.typing.keys.rest) > 0}
		e.view.above(text + " [y/N]")
	})
	defer e.update(func() { e.question = question{} })
	select {
	case yes := <-answer:
		return yes, nil
	case <-ctx.Done():
		return false, ctx.Err()
	case <-e.ended:
		return false, e.err
	}
}

// answers reports whether a line answers the question.
func (e *Editor) answers(line string) bool {
	yes, ok := yesOrNo(line)
	return ok && !e.question.stale && e.question.decide(yes)
}

// yesOrNo parses an answer; ok is false if the line is not an answer.
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
