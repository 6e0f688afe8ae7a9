package transfer

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// manyFolders makes n folders with a small file each, and some large files.
func manyFolders(t *testing.T, n int) (src string, files int64) {
	t.Helper()
	src = filepath.Join(t.TempDir(), "f")
	for i := range n {
		write(t, filepath.Join(src, fmt.Sprintf("%d/%d/f", i%7, i)), []byte(fmt.Sprint(i)))
	}
	for i := range 10 {
		write(t, filepath.Join(src, fmt.Sprintf("big%d/b", i)), noise(uint64(i), 2*chunkSize))
	}
	return src, int64(n + 10)
}

// With a low limit on open files, all files still arrive. If the limit is too low, the error says so.
func TestFewFilesOpen(t *testing.T) {
	t.Parallel()
	src, n := manyFolders(t, 200)
	for _, limit := range []int{64, 24} {
		dst := t.TempDir()
		sent, said := receiveBy(t, os.Getuid(), fmt.Sprintf("ulimit -n %d", limit), dst, src)
		if sent.err != nil || sent.Files != n || said != "" {
			t.Errorf("received with %d: %v, %+v, %q", limit, sent.err, sent.Result, said)
		}
	}
	for _, limit := range []int{40} {
		got, said := sendBy(t, fmt.Sprintf("ulimit -n %d", limit), t.TempDir(), src)
		if got.err != nil || got.Files != n || said != "" {
			t.Errorf("sent with %d: %v, %+v, %q", limit, got.err, got.Result, said)
		}
	}
	sent, said := receiveBy(t, os.Getuid(), "ulimit -n 10", t.TempDir(), src)
	if sent.err == nil || !strings.Contains(sent.err.Error()+said+fmt.Sprint(sent.files()), "may have 10") {
		t.Errorf("received with 10: %v, %q", sent.err, said)
	}
}
