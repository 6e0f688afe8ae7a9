//go:build unix

package transfer

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func makePipe(t *testing.T, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A link that is named in Paths is followed and keeps its own name. A link in a folder is not followed.
func TestNamedLinkIsFollowed(t *testing.T) {
	t.Parallel()
	src, dst := t.TempDir(), t.TempDir()
	write(t, filepath.Join(src, "real", "file"), []byte("x"))
	for link, to := range map[string]string{"f": "real/file", "d": "real", "real/inner": "file"} {
		if err := os.Symlink(to, filepath.Join(src, link)); err != nil {
			t.Fatal(err)
		}
	}
	a, b := newPipe()
	paths := []string{filepath.Join(src, "f"), filepath.Join(src, "d")}
	sent, got := exchange(t.Context(), a, b, Source{Paths: paths}, SendOptions{}, ReceiveOptions{Dir: dst})
	if sent.err != nil || got.err != nil || sent.Skipped != 1 {
		t.Errorf("Send: %v, %d skipped, Receive: %v", sent.err, sent.Skipped, got.err)
	}
	got.forgetState(t, dst)
	sameTree(t, tree(t, dst), map[string]string{"f": "x", "d": "/", "d/file": "x"})
}
