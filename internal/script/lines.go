package script

import (
	"context"
	"regexp"
	"strings"
	"sync"
)

// Limits of what Lines keeps.
const (
	maxLines = 10_000
	maxBytes = 4 << 20
)

// Lines holds the lines that the peer has sent until steps use them. The zero
// value is empty and ready; its methods may be called from several goroutines
// at once. Of too many lines the oldest are forgotten: taking them in never
// waits for the script, so that two scripts cannot wait for each other.
type Lines struct {
	mu       sync.Mutex
	changed  chan struct{} // closed when a line or the end comes; nil: nobody waits
	lines    []string
	bytes    int
	expected int // how many of lines an expect step has seen
	ran      int // how many of lines a run step has had
	end      error
}

// Add takes a line in.
func (l *Lines) Add(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, text)
	l.bytes += len(text)
	for len(l.lines) > maxLines || l.bytes > maxBytes {
		l.forgetLocked()
	}
	l.wakeLocked()
}

// End says that no more lines come, and why. Only the first call counts.
func (l *Lines) End(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.end == nil {
		l.end = err
	}
	l.wakeLocked()
}

func (l *Lines) forgetLocked() {
	l.bytes -= len(l.lines[0])
	l.lines[0] = ""
	l.lines = l.lines[1:]
	l.expected = max(0, l.expected-1)
	l.ran = max(0, l.ran-1)
}

func (l *Lines) wakeLocked() {
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// expect waits for a line that matches and uses up all lines up to it. The
// error is that of End, where no line matched before, or the context's.
func (l *Lines) expect(ctx context.Context, re *regexp.Regexp) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for l.expected < len(l.lines) {
			l.expected++
			if re.MatchString(l.lines[l.expected-1]) {
				return nil
			}
		}
		if l.end != nil {
			return l.end
		}
		if err := l.waitLocked(ctx); err != nil {
			return err
		}
	}
}

func (l *Lines) waitLocked(ctx context.Context) error {
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	changed := l.changed
	l.mu.Unlock()
	defer l.mu.Lock()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sinceRun returns the lines that came since the last call, each with a line
// feed behind it.
func (l *Lines) sinceRun() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	for _, line := range l.lines[l.ran:] {
		b.WriteString(line)
		b.WriteByte('\n')
	}
	l.ran = len(l.lines)
	return []byte(b.String())
}
