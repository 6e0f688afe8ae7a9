package terminal

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A pty is a pseudoterminal that the test types on and reads from.
type pty struct {
	t      *testing.T
	master *os.File // the test's side
	tty    *os.File // the program's side
	screen strings.Builder
	all    strings.Builder // all output so far
}

func newPTY(t *testing.T) *pty {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.SetNonblock(fd, true) // so that Read observes deadlines
	}
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	tty, err := os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	t.Cleanup(func() { tty.Close() })
	p := &pty{t: t, master: master, tty: tty}
	p.resize(80)
	return p
}

func (p *pty) resize(columns uint16) { p.size(int(columns), 24) }

func (p *pty) size(columns, rows int) {
	p.t.Helper()
	err := unix.IoctlSetWinsize(int(p.tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(rows), Col: uint16(columns)})
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *pty) keys(s string) {
	p.t.Helper()
	if _, err := p.master.WriteString(s); err != nil {
		p.t.Fatal(err)
	}
}

// expect waits until s is written to the screen, and discards the output up to its end.
func (p *pty) expect(s string) {
	p.t.Helper()
	var buf [4096]byte
	p.master.SetReadDeadline(time.Now().Add(10 * time.Second))
	for !strings.Contains(p.screen.String(), s) {
		n, err := p.master.Read(buf[:])
		if err != nil {
			p.t.Fatalf("want %q, got %q: %v", s, p.screen.String(), err)
		}
		p.screen.Write(buf[:n])
		p.all.Write(buf[:n])
	}
	_, rest, _ := strings.Cut(p.screen.String(), s)
	p.screen.Reset()
	p.screen.WriteString(rest)
}

// drain discards all output until the returned function is called.
func (p *pty) drain() (stop func()) {
	p.master.SetReadDeadline(time.Time{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(io.Discard, p.master)
	}()
	return func() {
		p.master.SetReadDeadline(time.Now())
		<-done
	}
}

func (p *pty) mode() unix.Termios {
	p.t.Helper()
	m, err := unix.IoctlGetTermios(int(p.tty.Fd()), unix.TCGETS)
	if err != nil {
		p.t.Fatal(err)
	}
	return *m
}
