//go:build unix

package textfile

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func pipe(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// readSoon is Read with little patience.
func readSoon(path string) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, 100, 30*time.Millisecond)
}

// Nobody writes to the pipe: an error, at the latest when patience ends.
func TestPipeWithoutWriter(t *testing.T) {
	t.Parallel()
	if _, err := readSoon(pipe(t)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

// Somebody holds the pipe open and writes nothing.
func TestPipeWithSilentWriter(t *testing.T) {
	t.Parallel()
	path := pipe(t)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := readSoon(path); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

// What comes through a pipe is read, also when its writer comes later and in pieces.
func TestPipeWithWriter(t *testing.T) {
	t.Parallel()
	path := pipe(t)
	go func() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		f.WriteString("one ")
		f.WriteString("two")
	}()
	if text, err := Read(path, 100); err != nil || string(text) != "one two" {
		t.Errorf("%q, %v", text, err)
	}
}
