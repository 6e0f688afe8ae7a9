package terminal

import "fmt"

// Typing is the state of editing: the line, undecoded keys, the history and a search through it.
type typing struct {
	buffer
	keys    keyDecoder
	history history
	search  *search // nil: none
}

// press handles an editing key. It returns false if the key has no effect.
func (t *typing) press(k key) bool {
	if t.search != nil {
		if done, ok := t.searching(k); done {
			return ok
		}
	}
	switch k.kind {
	case keyText, keyPaste:
		return t.insert(k.text)
	case keyUp, keyDown:
		return t.recall(k.kind)
	case keySearch:
		t.search = &search{at: len(t.history.lines), old: t.buffer}
	case keyBackspace, keyDelete, keyKillEnd, keyKillStart, keyKillWord, keyEraseWord:
		t.erase(k.kind)
	case keyYank:
		return t.insert(t.cut)
	case keyTranspose:
		t.transpose()
	default:
		t.move(k.kind)
	}
	return true
}

func (t *typing) move(k keyKind) {
	switch k {
	case keyLeft:
		t.at = t.before()
	case keyRight:
		t.at = t.after()
	case keyWordLeft:
		t.at = t.wordBefore(isLetter)
	case keyWordRight:
		t.at = t.wordAfter(isLetter)
	case keyHome:
		t.at = 0
	case keyEnd:
		t.at = len(t.text)
	}
}

func (t *typing) erase(k keyKind) {
	switch k {
	case keyBackspace:
		t.delete(t.before(), t.at)
	case keyDelete:
		t.delete(t.at, t.after())
	case keyKillEnd:
		t.kill(t.at, len(t.text))
	case keyKillStart:
		t.kill(0, t.at)
	case keyKillWord:
		t.kill(t.at, t.wordAfter(isLetter))
	case keyEraseWord:
		t.kill(t.wordBefore(notSpace), t.at)
	}
}

// recall moves to the previous or next line of the history.
func (t *typing) recall(k keyKind) bool {
	by := 1
	if k == keyUp {
		by = -1
	}
	line, ok := t.history.move(by, t.String())
	if ok {
		t.set(line)
	}
	return ok
}

// searching handles a key during a search. An editing key ends the search and is then handled as
// usual: done is false.
func (t *typing) searching(k key) (done, ok bool) {
	s := t.search
	switch k.kind {
	case keyText:
		s.query += k.text
		ok = s.find(&t.history, min(s.at+1, len(t.history.lines)))
	case keyBackspace:
		if s.query == "" {
			return true, false
		}
		_, n := lastRune(s.query)
		s.query = s.query[:len(s.query)-n]
		ok = s.find(&t.history, len(t.history.lines))
	case keySearch:
		ok = s.query != "" && s.find(&t.history, s.at)
	case keyEscape:
		t.buffer, t.search = s.old, nil
		return true, true
	default:
		t.search = nil
		return false, false
	}
	if ok {
		t.set(t.history.lines[s.at])
	}
	return true, ok
}

// enter returns the line and adds it to the history. The line stays until clear.
func (t *typing) enter() string {
	t.search = nil
	t.at = len(t.text)
	line := t.String()
	t.history.add(line)
	return line
}

func (t *typing) clear() { t.set("") }

// replace replaces the text between from and the cursor. It returns false if that is no change.
func (t *typing) replace(from int, text string) bool {
	if string(t.text[from:t.at]) == text {
		return false
	}
	t.delete(from, t.at)
	return t.insert(text)
}

// shown returns the text before and after the cursor, with the prompt.
func (t *typing) shown(prompt string) (before, after string) {
	if t.search != nil {
		prompt = fmt.Sprintf("(search %q) ", t.search.query)
	}
	return prompt + string(t.text[:t.at]), string(t.text[t.at:])
}
