package terminal

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
)

// A screenTest is an Editor on an emulated terminal with 10 rows.
type screenTest struct {
	*pty
	e *Editor

	mu sync.Mutex
	vt *vt.Emulator // vt's own locked type returns cells without the lock
}

func (s *screenTest) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.vt.Write(b)
}

func newScreenTest(t *testing.T, columns int, o EditorOptions) *screenTest {
	t.Helper()
	p := newPTY(t)
	p.size(columns, 10)
	s := &screenTest{pty: p, vt: vt.NewEmulator(columns, 10)}
	o.Prompt = "> "
	var err error
	if s.e, err = NewEditor(p.tty, p.tty, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.e.Close() })
	go io.Copy(s, p.master) // ends with the terminal
	return s
}

// wantScreen waits until the screen has the given rows, without empty ones at the bottom; | marks
// the cursor.
func (s *screenTest) wantScreen(want ...string) {
	s.t.Helper()
	var got string
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if got = s.screenText(); got == strings.Join(want, "\n") {
			return
		}
	}
	s.t.Fatalf("the screen shows\n%s\nwant\n%s", got, strings.Join(want, "\n"))
}

func (s *screenTest) screenText() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.vt.CursorPosition()
	var rows []string
	for y := range s.vt.Height() {
		var row strings.Builder
		for x := range s.vt.Width() {
			if at.X == x && at.Y == y {
				row.WriteString("|")
			}
			if c := s.vt.CellAt(x, y); c != nil && c.Width > 0 {
				row.WriteString(c.Content)
			}
		}
		rows = append(rows, strings.TrimRight(row.String(), " "))
	}
	return strings.TrimRight(strings.Join(rows, "\n"), "\n")
}

func TestScreenWideCharacters(t *testing.T) {
	t.Parallel()
	s := newScreenTest(t, 20, EditorOptions{})
	s.keys("日本語")
	s.wantScreen("> 日本語|")
	s.keys("\x01x")
	s.wantScreen("> x|日本語")
	s.keys("\x1b[C\x1b[C\x7f")
	s.wantScreen("> x日|語")
	s.keys("\x05e\u0301a") // a combining accent
	s.keys("\x1b[D\x7f")
	s.wantScreen("> x日語|a")
	s.keys("\r")
	s.wantLine(s.e, "x日語a", nil)
}

func TestScreenWraps(t *testing.T) {
	t.Parallel()
	s := newScreenTest(t, 10, EditorOptions{})
	s.keys("12345678")
	s.wantScreen("> 12345678", "|")
	s.keys("\x1b[D")
	s.wantScreen("> 1234567|8")
	s.keys("\x05" + "abc")
	s.wantScreen("> 12345678", "abc|")
	s.keys("\x01")
	s.wantScreen("> |12345678", "abc")
	s.keys("xyz")
	s.wantScreen("> xyz|12345", "678abc")
	s.e.Println("hello there, you")
	s.wantScreen("hello ther", "e, you", "> xyz|12345", "678abc")
	s.keys("\x05日本語日本") // a wide character that does not fit begins the next row
	s.wantScreen("hello ther", "e, you", "> xyz12345", "678abc日本", "語日本|")
	s.keys("\x15" + "ok\r")
	s.wantLine(s.e, "ok", nil)
	s.wantScreen("hello ther", "e, you", "> ok", "> |")
}

// Of a line that is longer than the screen, the part around the cursor is visible.
func TestScreenLongLine(t *testing.T) {
	t.Parallel()
	s := newScreenTest(t, 10, EditorOptions{})
	var rows []string
	for i := range 20 {
		rows = append(rows, fmt.Sprintf("line %5d", i))
	}
	s.keys(strings.Join(rows, "")[2:] + "x")
	s.wantScreen(append(append([]string{}, rows[12:]...), "x|")...)
}

func TestScreenPaste(t *testing.T) {
	t.Parallel()
	s := newScreenTest(t, 40, EditorOptions{})
	s.keys("\x1b[200~a\tb\r\x1b[31mred\r\x1b[201~")
	s.wantScreen(`> a     b`, `\x1b[31mred|`)
	s.keys("\r")
	s.wantLine(s.e, "a\tb\n\x1b[31mred", nil)
}

func TestScreenHistorySearch(t *testing.T) {
	t.Parallel()
	s := newScreenTest(t, 40, EditorOptions{})
	for _, line := range []string{"make tea", "drink tea", "sleep"} {
		s.keys(line + "\r")
		s.wantLine(s.e, line, nil)
	}
	s.keys("\x0c")
	s.wantScreen("> |")
	s.keys("draft\x12tea")
	s.wantScreen(`(search "tea") drink tea|`)
	s.keys("\x12")
	s.wantScreen(`(search "tea") make tea|`)
	s.keys("\x07")
	s.wantScreen("> draft|")
	s.keys("\x12mak\r")
	s.wantLine(s.e, "make tea", nil)
}

func TestScreenCompletion(t *testing.T) {
	t.Parallel()
	s := newScreenTest(t, 40, EditorOptions{Complete: func(before string) (int, []string) {
		if !strings.HasPrefix(before, "/") {
			return -1, nil
		}
		var words []string
		for _, w := range []string{"/path ", "/peers ", "/send "} {
			if strings.HasPrefix(w, before) {
				words = append(words, w)
			}
		}
		return 0, words
	}})
	s.keys("/s\t")
	s.wantScreen("> /send |")
	s.keys("\x15/\t")
	s.wantScreen("/path   /peers   /send", "> /|")
	s.keys("p\t")
	s.wantScreen("/path   /peers   /send", "/path   /peers", "> /p|")
	s.keys("\x15a\tb")
	s.wantScreen("/path   /peers   /send", "/path   /peers", "> a     b|")
}

// After a resize the line is drawn in one piece.
func TestScreenResize(t *testing.T) {
	t.Parallel()
	s := newScreenTest(t, 20, EditorOptions{})
	s.keys("0123456789")
	s.wantScreen("> 0123456789|")
	s.mu.Lock()
	s.vt.Resize(30, 10)
	s.mu.Unlock()
	s.size(30, 10)
	s.e.update(s.e.resize)
	s.keys("abcdefghijklmnopqrstuvwxyz")
	s.wantScreen("> 0123456789abcdefghijklmnopqr", "stuvwxyz|")
}

// A plain editor writes no escape sequences.
func TestScreenPlain(t *testing.T) {
	t.Parallel()
	p := newPTY(t)
	e, err := NewEditor(p.tty, p.tty, EditorOptions{Prompt: "> ", Plain: true})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	p.keys("日x\x7f\x1b[A本\tend")
	p.expect("end")
	e.Println("incoming")
	p.expect("incoming\r\n> 日本")
	p.keys("\r")
	p.wantLine(e, "日本\tend", nil)
	e.Close()
	p.keys("last\n")
	p.expect("last")
	if all := p.all.String(); strings.Contains(all, "\x1b") {
		t.Errorf("escape sequences in %q", all)
	}
}
