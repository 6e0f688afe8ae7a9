package terminal

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// drawEvery is how often a Progress is drawn, whatever happens.
const drawEvery = 200 * time.Millisecond

// A Progress shows how far something is, on one line that is drawn over and
// over: a bar, bytes, rate, time left and a description. Without a terminal it
// draws nothing. Other lines are printed through it. Its methods may be called
// from several goroutines at once.
type Progress struct {
	w       io.Writer
	columns func() int // of the terminal, 0: not now; nil: there is none
	stop    chan struct{}
	drawing sync.WaitGroup

	mu          sync.Mutex
	done, total int64
	desc, file  string
	meter       meter
	begun       bool // by the first Update
	finished    bool
	drawn       int // columns that the line on the screen takes
	turn        int // of the spinner
}

// NewProgress makes a Progress on f, which is usually stderr. It is seen from
// the first Update on, and ends with Finish, which must be called.
func NewProgress(f *os.File) *Progress {
	if !IsTerminal(f) {
		return newProgress(f, nil)
	}
	return newProgress(f, func() int {
		if !Foreground(f) {
			return 0 // the screen is another process's
		}
		return Columns(f)
	})
}

func newProgress(w io.Writer, columns func() int) *Progress {
	p := &Progress{w: w, columns: columns, stop: make(chan struct{})}
	if columns != nil {
		p.drawing.Go(p.keepDrawing)
	}
	return p
}

// Update says that done of total bytes are done; a total of 0 or below is
// unknown. What was done at the first Update counts for no rate. The
// description and the file's name may hold any text; the name is cut in its middle. Update is
// cheap: it only notes.
func (p *Progress) Update(done, total int64, desc, file string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done, p.total, p.desc, p.file = done, total, desc, file
	if !p.begun {
		p.begun = true
		p.meter.add(time.Now(), done)
	}
}

// Println prints a line above the progress. It must not hold control
// characters: see Visible.
func (p *Progress) Println(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clearLocked()
	fmt.Fprintln(p.w, line)
	p.drawLocked()
}

// Finish takes the progress away and prints a line instead, if it is not
// empty. It waits for the Progress' goroutine. Twice is fine: the second one
// only prints.
func (p *Progress) Finish(line string) {
	p.end()
	p.drawing.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clearLocked()
	if line != "" {
		fmt.Fprintln(p.w, line)
	}
}

func (p *Progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.finished {
		p.finished = true
		close(p.stop)
	}
}

// keepDrawing draws until Finish, also when nothing moves: then that is
// what is to be seen.
func (p *Progress) keepDrawing() {
	tick := time.NewTicker(drawEvery)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case now := <-tick.C:
			p.tick(now)
		}
	}
}

func (p *Progress) tick(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.begun {
		p.meter.add(now, p.done)
		p.turn++
		p.drawLocked()
	}
}

func (p *Progress) drawLocked() {
	if p.columns == nil || !p.begun || p.finished {
		return
	}
	columns := p.columns()
	if columns == 0 {
		return
	}
	// The last column stays free: some terminals wrap when it is written.
	line := p.lineLocked(columns - 1)
	width := Width(line)
	fmt.Fprint(p.w, "\r", line, strings.Repeat(" ", max(0, p.drawn-width)), "\r")
	p.drawn = width
}

func (p *Progress) clearLocked() {
	if p.drawn > 0 {
		fmt.Fprint(p.w, "\r", strings.Repeat(" ", p.drawn), "\r")
		p.drawn = 0
	}
}
