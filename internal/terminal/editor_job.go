package terminal

import (
	"golang.org/x/term"
)

// Restore restores the terminal's state at once, when there is no time for Close.
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

// attach puts the terminal into raw mode, if this process is in the foreground.
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

// detach restores the terminal's mode.
func (e *Editor) detach() {
	if e.view.background {
		return
	}
	e.view.detach()
	if Foreground(e.in) { // otherwise another process has set its own mode
		term.Restore(int(e.in.Fd()), e.cooked)
	}
}

// continued attaches the terminal again after the process was stopped.
func (e *Editor) continued() {
	if !e.view.closed {
		e.view.background = true
		e.attach()
	}
}

// suspend stops the process, as Ctrl-Z does outside raw mode.
func (e *Editor) suspend() {
	e.detach()
	stopProcess()
	e.continued()
}

func (e *Editor) resize() {
	if w, h, err := term.GetSize(int(e.out.Fd())); err == nil && w > 0 && h > 0 {
		e.view.resize(w, h)
	}
}
