//go:build unix

package config

import (
	"strings"
	"syscall"
	"testing"
)

// Find rejects a pipe in the place of a config, but accepts one that the user names.
func TestPipeIsNotFound(t *testing.T) { // not parallel: it changes the working folder
	t.Chdir(t.TempDir())
	if err := syscall.Mkfifo(FileName, 0o600); err != nil {
		t.Fatal(err)
	}
	none := func(string) string { return "" }
	if path, err := Find("", none); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("Find = %q, %v", path, err)
	}
	if path, err := Find(FileName, none); err != nil || path != FileName {
		t.Errorf("named: Find = %q, %v", path, err)
	}
}
