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

// A screen is what draws on the terminal: a line editor or a progress bar. Lines
// go through it, so that it can draw itself anew below them.
type screen interface{ Println(line string) }

// A printer is the one place that writes to the standard streams. Its methods
// may be called from several goroutines; a line is never torn apart.
type printer struct {
	mu       sync.Mutex
	out, err io.Writer
	screen   screen // nil: nothing is drawn
	outToo   bool   // out is the screen's terminal as well
	tty      bool   // out is a terminal, or was one until it hung up
	json     bool

	errElsewhere bool  // err is no terminal: nothing for it goes to the screen
	broken       error // why something could not be written to out
	now          func() time.Time
	opened       atomic.Pointer[terminalScreen] // what take has opened and not closed
}

// draw makes s the screen, if there is none. The caller gives it back, and has
// to keep s usable until then; ok is false if there is one already.
func (p *printer) draw(s screen, outToo bool) (giveBack func(), ok bool) {
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
	Restore() // restores the terminal only, without waiting for anything
}

// take opens a screen, and makes it the one if there is none. Lines wait while it
// is opened, and closed by giveBack: in between the terminal is in a state in
// which they would come out as stairs.
func (p *printer) take(open func() (terminalScreen, error), outToo bool) (giveBack func(), err error) {
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

// restoreTerminal restores the terminal's state where the process ends without
// returning. It waits for no lock, which may be held by what hangs.
func (p *printer) restoreTerminal() {
	if s := p.opened.Load(); s != nil {
		(*s).Restore()
	}
}

// payload prints a line that the command exists for; with --json events say
// it instead.
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

// writeLocked notes what cannot be written to out. A stderr that is gone takes
// no complaint either, and a reader of out that has left misses nothing it wanted.
func (p *printer) writeLocked(w io.Writer, b []byte) {
	if _, err := w.Write(b); err != nil && w == p.out && p.broken == nil && !p.readerLeft(err) {
		p.broken = fmt.Errorf("writing to stdout: %w", err)
	}
}

// readerLeft reports whether an error of writing to out means that nobody reads it any more: the
// pipe's other end is closed, or the terminal is gone.
func (p *printer) readerLeft(err error) bool {
	return errors.Is(err, syscall.EPIPE) || p.tty && errors.Is(err, syscall.EIO)
}

// failure returns why something could not be written to stdout, if so.
func (p *printer) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.broken
}

// event prints an event, if --json asks for events.
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

// encode makes the line of an event: its name and the time go before its own
// fields.
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
