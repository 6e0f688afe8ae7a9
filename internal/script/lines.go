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

// Lines keeps the lines that the peer has sent until steps consume them. The zero value
// is empty and ready; its methods may be called from several goroutines. If there are too
// many lines it drops the oldest: Add never waits for the script, so that two scripts
// cannot wait for each other.
type Lines struct {
	mu       sync.Mutex
	changed  chan struct{} // closed at the next line or the end; nil: nothing waits
	lines    []string
	bytes    int
	expected int // how many of lines expect steps have consumed
	ran      int // how many of lines run steps have consumed
	end      error
}

// Add appends a line.
func (l *Lines) Add(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, text)
	l.bytes += len(text)
	for len(l.lines) > maxLines || l.bytes > maxBytes {
		l.dropLocked()
	}
	l.wakeLocked()
}

// End marks the end of the lines and its reason. Only the first call counts.
func (l *Lines) End(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.end == nil {
		l.end = err
	}
	l.wakeLocked()
}

func (l *Lines) dropLocked() {
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

// expect waits for a line that matches, and consumes all lines up to it. If none matches it
// returns the error of End, or the context's.
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

// sinceRun returns the lines since the last call, each with a line feed.
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
