package terminal

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rivo/uniseg"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A screen emulates a terminal with carriage returns, line feeds and wrapping.
type screen struct {
	columns int

	mu      sync.Mutex
	rows    [][]string
	col     int
	wrapped bool
	writes  int
}

func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	for g := uniseg.NewGraphemes(string(b)); g.Next(); {
		switch c := g.Str(); c {
		case "\r":
			s.col = 0
		case "\n", "\r\n":
			s.rows, s.col = append(s.rows, nil), 0
		default:
			s.put(c, g.Width())
		}
	}
	return len(b), nil
}

func (s *screen) put(c string, width int) {
	if s.col+width > s.columns {
		s.wrapped = true
		s.rows, s.col = append(s.rows, nil), 0
	}
	if len(s.rows) == 0 {
		s.rows = append(s.rows, nil)
	}
	row := &s.rows[len(s.rows)-1]
	for len(*row) < s.col+width {
		*row = append(*row, " ")
	}
	(*row)[s.col] = c
	for i := 1; i < width; i++ {
		(*row)[s.col+i] = ""
	}
	s.col += width
}

// text returns the rows without trailing spaces.
func (s *screen) text() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var t []string
	for _, row := range s.rows {
		t = append(t, strings.TrimRight(strings.Join(row, ""), " "))
	}
	return t
}

func (s *screen) last() string {
	t := s.text()
	if len(t) == 0 {
		return ""
	}
	return t[len(t)-1]
}

func TestProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &screen{columns: 100}
		p := newProgress(s, func() int { return s.columns })
		time.Sleep(time.Second)
		if len(s.text()) > 0 {
			t.Errorf("before the first update: %q", s.text())
		}
		for i := range int64(50) {
			p.Update(100e6+i*1e6, 300e6, "to bob, direct", "\x1b[2Ja.iso")
			time.Sleep(100 * time.Millisecond)
		}
		want := regexp.MustCompile(`^  49% █+░+  (9|10)\.\d MB/s  1[56] s left  14\d\.0 MB of 300\.0 MB  to bob, direct  \\x1b\[2Ja\.iso$`)
		if got := s.last(); !want.MatchString(got) {
			t.Errorf("shown %q", got)
		}
		p.Println("a line between")
		if got := s.text(); len(got) != 2 || got[0] != "a line between" || !strings.HasPrefix(got[1], "  49% ██") {
			t.Errorf("with a line between: %q", got)
		}
		time.Sleep(10 * time.Second)
		if !strings.Contains(s.last(), "  0 B/s  ") || strings.Contains(s.last(), "left") {
			t.Errorf("without progress: %q", s.last())
		}
		p.Finish("done")
		p.Update(1, 2, "late", "")
		p.Println("more")
		p.Finish("")
		if got := fmt.Sprint(s.text()); got != "[a line between done more ]" || s.wrapped {
			t.Errorf("in the end: %q", got)
		}
	})
}

func TestProgressIsThrottled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &screen{columns: 80}
		p := newProgress(s, func() int { return s.columns })
		for i := range int64(10_000) {
			p.Update(i, 10_000, "", "")
			time.Sleep(100 * time.Microsecond)
		}
		p.Finish("")
		if s.writes > 12 {
			t.Errorf("drawn %d times in a second", s.writes)
		}
	})
}

func TestProgressOfUnknownTotal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &screen{columns: 80}
		p := newProgress(s, func() int { return s.columns })
		seen := map[string]bool{}
		for i := range int64(20) {
			p.Update(i*1e6, -1, "relay", "stdin")
			time.Sleep(drawEvery)
			synctest.Wait()
			spin, rest, _ := strings.Cut(s.last(), "  ")
			seen[spin] = true
			if i > 10 && !regexp.MustCompile(`^(4|5)\.\d MB/s  \d+\.0 MB  relay  stdin$`).MatchString(rest) {
				t.Errorf("shown %q", rest)
			}
		}
		p.Finish("")
		if len(seen) != 4 {
			t.Errorf("the spinner shows %v", seen)
		}
	})
}

func TestProgressOnAnyWidth(t *testing.T) {
	t.Parallel()
	for columns := range 130 {
		synctest.Test(t, func(t *testing.T) {
			s := &screen{columns: max(1, columns)}
			p := newProgress(s, func() int { return columns })
			for i := range int64(11) {
				p.Update(i<<40, 10<<40, "direct  漢字漢字 👩\u200d👧", strings.Repeat("x字", int(i)*5))
				time.Sleep(drawEvery)
			}
			p.Finish("")
			if s.wrapped || len(s.text()) > 1 || s.last() != "" {
				t.Errorf("%d columns: wrapped %v, left %q", columns, s.wrapped, s.text())
			}
		})
	}
}

// On a terminal that became narrower the line is shorter.
func TestProgressResized(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		columns := 100
		p := newProgress(&out, func() int { return columns })
		p.Update(1, 100, "direct", "")
		time.Sleep(drawEvery)
		synctest.Wait()
		p.mu.Lock()
		columns = 20
		p.mu.Unlock()
		time.Sleep(2 * drawEvery)
		synctest.Wait()
		p.mu.Lock()
		drawn := p.drawn
		p.mu.Unlock()
		p.Finish("")
		if drawn > 19 {
			t.Errorf("%d columns are drawn", drawn)
		}
	})
}

func TestProgressWithoutTerminal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := newProgress(&out, nil)
	p.Update(1, 2, "x", "")
	p.Println("between")
	p.Finish("received 3 files")
	if out.String() != "between\nreceived 3 files\n" {
		t.Errorf("printed %q", out.String())
	}
}

// The peer's name stays, and the file's name is shortened in the middle.
func TestProgressNames(t *testing.T) {
	t.Parallel()
	p := &Progress{done: 140e6, total: 300e6, desc: "to a-peer-with-a-name, direct", file: "holiday/a-very-long-name-of-a-film.mkv"}
	for columns, want := range map[int]string{
		110: "  46% ███░░░░░  0 B/s  140.0 MB of 300.0 MB  to a-peer-with-a-name, direct  holiday/a-very-long-n…a-film.mkv",
		80:  "  46%  0 B/s  140.0 MB of 300.0 MB  to a-peer-with-a-name, direct  holiday/….mkv",
		60:  "  46%  0 B/s  to a-peer-with-a-name, direct  holiday/a-….mkv",
		42:  "  46%  0 B/s  to a-peer-with-a-name, dire…",
		30:  "  46%  0 B/s  to a-peer-with-…",
	} {
		if got := p.lineLocked(columns); got != want {
			t.Errorf("%d columns:\n%s, want\n%s", columns, got, want)
		}
	}
}

func TestMeterRestarts(t *testing.T) {
	t.Parallel()
	var m meter
	now := time.Now()
	if m.rate() != 0 {
		t.Error("a rate without samples")
	}
	for i := range 100 {
		m.add(now.Add(time.Duration(i)*time.Second), int64(i)*1000)
	}
	if m.rate() != 1000 {
		t.Errorf("rate %g", m.rate())
	}
	m.add(now.Add(101*time.Second), 5) // the next file
	m.add(now.Add(102*time.Second), 15)
	if m.rate() != 10 {
		t.Errorf("rate %g after a step back", m.rate())
	}
}
