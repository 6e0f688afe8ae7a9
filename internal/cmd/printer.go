package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A screen draws on the terminal: a line editor or a progress bar. Lines are printed
// through it, so that it can redraw itself below them.
type screen interface{ Println(line string) }

// A printer is the only code that writes to the standard streams. Its methods may be
// called from several goroutines; a line is never torn apart.
type printer struct {
	mu       sync.Mutex
	out, err io.Writer
	screen   screen // nil: nothing is drawn
	outToo   bool   // out is the screen's terminal as well
	tty      bool   // out is a terminal, or was one until it hung up
	json     bool

	errElsewhere bool  // err is not a terminal: its lines do not go to the screen
	broken       error // the first error of writing to out
	now          func() time.Time
	opened       atomic.Pointer[terminalScreen] // opened by openScreen and not closed
}

// draw makes s the screen and returns ok, unless there is one already. The caller keeps s
// usable until it calls release.
func (p *printer) draw(s screen, outToo bool) (release func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.screen != nil {
		return nil, false
	}
	p.screen, p.outToo = s, outToo
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.screen = nil
	}, true
}

// A terminalScreen changes the terminal's state, and restores it when it is
// closed.
type terminalScreen interface {
	screen
	io.Closer
	Restore() // restores only the terminal, without waiting for anything
}

// openScreen opens a terminal screen, and makes it the screen if there is none. Lines wait
// while it opens and while release closes it: in between the terminal may be in raw mode, in
// which a line feed does not return the cursor.
func (p *printer) openScreen(open func() (terminalScreen, error), outToo bool) (release func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := open()
	if err != nil {
		return nil, err
	}
	p.opened.Store(&s)
	mine := p.screen == nil
	if mine {
		p.screen, p.outToo = s, outToo
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if mine {
			p.screen = nil
		}
		s.Close()
		p.opened.Store(nil)
	}, nil
}

// restoreTerminal restores the terminal's state before the process exits without
// returning. It takes no lock, because a goroutine that hangs may hold it.
func (p *printer) restoreTerminal() {
	if s := p.opened.Load(); s != nil {
		(*s).Restore()
	}
}

// payload prints a line of the command's output. With --json it prints nothing: events
// replace it.
func (p *printer) payload(format string, args ...any) {
	if p.json {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lineLocked(p.out, p.outToo, fmt.Sprintf(format, args...))
}

// note prints a line for a person.
func (p *printer) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lineLocked(p.err, !p.errElsewhere, fmt.Sprintf(format, args...))
}

func (p *printer) lineLocked(w io.Writer, onScreen bool, line string) {
	if p.screen != nil && onScreen {
		p.screen.Println(line)
		return
	}
	p.writeLocked(w, []byte(line+"\n"))
}

// writeLocked writes, and keeps the first error of out. Errors of stderr are ignored: there is
// no other place to report them. A reader of out that has left is not an error.
func (p *printer) writeLocked(w io.Writer, b []byte) {
	if _, err := w.Write(b); err != nil && w == p.out && p.broken == nil && !p.readerLeft(err) {
		p.broken = fmt.Errorf("writing to stdout: %w", err)
	}
}

// readerLeft reports whether a write to out failed because nobody reads it any more: the pipe's
// other end is closed, or the terminal is gone.
func (p *printer) readerLeft(err error) bool {
	return errors.Is(err, syscall.EPIPE) || p.tty && errors.Is(err, syscall.EIO)
}

// failure returns the first error of writing to stdout, or nil.
func (p *printer) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.broken
}

// event prints an event with --json.
func (p *printer) event(e event) {
	if !p.json {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	line := encode(e, p.now())
	if p.screen != nil && p.outToo {
		p.screen.Println(string(line[:len(line)-1]))
		return
	}
	p.writeLocked(p.out, line)
}

// encode returns the line of an event: its name, the time, then its own fields.
func encode(e event, now time.Time) []byte {
	head, err := json.Marshal(struct {
		Event string `json:"event"`
		Time  string `json:"time"`
	}{e.event(), now.Format(time.RFC3339Nano)})
	if err != nil {
		panic(err) // two strings always encode
	}
	fields, err := json.Marshal(e)
	if err != nil {
		panic(err) // events hold strings, numbers and booleans only
	}
	line := head
	if len(fields) > len("{}") {
		line = append(line[:len(line)-1], ',')
		line = append(line, fields[1:]...)
	}
	return append(line, '\n')
}
