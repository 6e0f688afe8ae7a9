package textfile

import (
	"os"
	"path/filepath"
	"testing"
)

func TestRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(path, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := Read(path, 5); err != nil || string(text) != "12345" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := Read(path, 4); err == nil {
		t.Error("a longer file is accepted")
	}
	for _, path := range []string{path + "-missing", t.TempDir()} {
		if _, err := Read(path, 5); err == nil {
			t.Errorf("%q is read", path)
		}
	}
}
