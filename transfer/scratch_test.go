package transfer

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
)

// A scratch file stays within its limit, has no name, and returns what was written.
func TestScratch(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := NewScratch(dir, 4*minScratch)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("reading nothing: %v", err)
	}
	block := noise(1, 300_000)
	for range 50 {
		if _, err := s.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Sync(); err != nil {
		t.Error(err)
	}
	if s.size > 4*minScratch {
		t.Errorf("it has %d bytes", s.size)
	}
	got := make([]byte, len(block))
	if _, err := io.ReadFull(s, got); err != nil || !bytes.Equal(got, block) {
		t.Errorf("it does not hold what was written, %v", err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	if es, _ := os.ReadDir(dir); len(es) > 0 {
		t.Errorf("left: %v", es)
	}
}

func TestScratchWithoutRoom(t *testing.T) {
	t.Parallel()
	if _, err := NewScratch(t.TempDir(), minScratch-1); !errors.Is(err, ErrStorage) {
		t.Errorf("NewScratch: %v", err)
	}
}
