//go:build unix

package script

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A script may come from a pipe, as in --script <(command).
func TestLoadFromAPipe(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() {
		if err := os.WriteFile(path, []byte("[[script]]\nsay = \"hi\"\n"), 0); err != nil {
			t.Error(err)
		}
	}()
	if steps, err := Load(path); err != nil || len(steps) != 1 {
		t.Errorf("%d steps, %v", len(steps), err)
	}
}
