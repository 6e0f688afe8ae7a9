package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestVerify checks that every change of what arrived is noticed.
func TestVerify(t *testing.T) {
	dir := t.TempDir()
	l := load{path: filepath.Join(dir, "sent")}
	if err := makeFolder(l.path, 3); err != nil {
		t.Fatal(err)
	}
	into := filepath.Join(dir, "arrived")
	file := filepath.Join(into, "sent", "000", "00001")
	for name, tt := range map[string]struct {
		spoil func() error
		right bool
	}{
		"whole":   {func() error { return nil }, true},
		"missing": {func() error { return os.Remove(file) }, false},
		"short":   {func() error { return os.Truncate(file, smallFile-1) }, false},
		"long":    {func() error { return os.Truncate(file, smallFile+1) }, false},
		"changed": {func() error { return os.WriteFile(file, make([]byte, smallFile), 0o644) }, false},
	} {
		if err := os.CopyFS(filepath.Join(into, "sent"), os.DirFS(l.path)); err != nil {
			t.Fatal(err)
		}
		if err := tt.spoil(); err != nil {
			t.Fatal(err)
		}
		if err := l.verify(into); (err == nil) != tt.right {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.RemoveAll(into); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOccupied: only written bytes count.
func TestOccupied(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := makeFile(path, 100_000, 1); err != nil {
		t.Fatal(err)
	}
	if got := occupied(dir); got != 100_000 {
		t.Errorf("a whole file occupies %d bytes", got)
	}
	if err := os.Truncate(path, 100_000_000); err != nil {
		t.Fatal(err)
	}
	if got := occupied(dir); got < 100_000 || got > 200_000 {
		t.Errorf("a file of which little is written occupies %d bytes", got)
	}
}
