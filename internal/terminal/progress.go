package terminal

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// drawEvery is the interval at which a Progress is drawn.
const drawEvery = 200 * time.Millisecond

// A Progress shows progress on one line, which it redraws regularly: a bar, bytes, rate, time
// left and a description. Without a terminal it draws nothing. Other lines are printed
// through it. Its methods may be called from several goroutines.
type Progress struct {
	w       io.Writer
	columns func() int // of the terminal; 0: do not draw now; nil: no terminal
	stop    chan struct{}
	drawer  sync.WaitGroup

	mu          sync.Mutex
	done, total int64
	desc, file  string
	meter       meter
	begun       bool // by the first Update
	finished    bool
	drawn       int // width of the line on the screen
	spin        int // of the spinner
}

// NewProgress returns a Progress on f, usually stderr. It is visible from the first Update on. The
// caller must call Finish.
func NewProgress(f *os.File) *Progress {
	if !IsTerminal(f) {
		return newProgress(f, nil)
	}
	return newProgress(f, func() int {
		if !Foreground(f) {
			return 0 // another process has the screen
		}
		return Columns(f)
	})
}

func newProgress(w io.Writer, columns func() int) *Progress {
	p := &Progress{w: w, columns: columns, stop: make(chan struct{})}
	if columns != nil {
		p.drawer.Go(p.keepDrawing)
	}
	return p
}

// Update sets the progress: done of total bytes; a total of 0 or below is unknown. Bytes done at
// the first Update do not count for the rate. The description and the file's name may contain any
// text; a long name is shortened in the middle. Update is cheap: it does not draw.
func (p *Progress) Update(done, total int64, desc, file string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done, p.total, p.desc, p.file = done, total, desc, file
	if !p.begun {
		p.begun = true
		p.meter.add(time.Now(), done)
	}
}

// Println prints a line above the progress. The line must not contain control characters: see
// Visible.
func (p *Progress) Println(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clearLocked()
	fmt.Fprintln(p.w, line)
	p.drawLocked()
}

// Finish removes the progress and prints a line instead, if it is not empty. It waits for the
// Progress's goroutine. Calling it twice is fine: the second call only prints.
func (p *Progress) Finish(line string) {
	p.end()
	p.drawer.Wait()
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

// keepDrawing draws until Finish, even without progress, so that the rate falls.
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
		p.spin++
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
