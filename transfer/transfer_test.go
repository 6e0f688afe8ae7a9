package transfer

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// diskTime is the time resolution that all disks support. That of NTFS is 100 ns.
const diskTime = 100 * time.Nanosecond

func TestSizes(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 1024, chunkSize - 1, chunkSize, chunkSize + 1, 5*chunkSize - 1, 5 * chunkSize, 40*chunkSize + 7} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			data := noise(uint64(n), n)
			src, dst := write(t, filepath.Join(t.TempDir(), "a.bin"), data), t.TempDir()
			old := time.Unix(1e9, 123456789)
			if err := os.Chmod(src, 0o640); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(src, old, old); err != nil {
				t.Fatal(err)
			}
			sent, got := mustTransfer(t, dst, src)
			sameTree(t, tree(t, dst), map[string]string{"a.bin": string(data)})
			checkDigest(t, sent.files()["a.bin"], data)
			checkDigest(t, got.files()["a.bin"], data)
			fi, _ := os.Stat(filepath.Join(dst, "a.bin"))
			if runtime.GOOS != "windows" && fi.Mode() != 0o640 || !fi.ModTime().Truncate(diskTime).Equal(old.Truncate(diskTime)) {
				t.Errorf("mode %v, time %v", fi.Mode(), fi.ModTime())
			}
			for _, o := range []*outcome{sent, got} {
				if o.Files != 1 || o.Bytes != int64(n) || o.ResumedBytes != 0 || o.Failed+o.Skipped != 0 {
					t.Errorf("result %+v", o.Result)
				}
			}
		})
	}
}

func TestFolder(t *testing.T) {
	t.Parallel()
	src, dst := t.TempDir(), t.TempDir()
	want := map[string]string{"f": "/"}
	files := int64(2000)
	if testing.Short() {
		files = 200
	}
	for i := range files {
		p := fmt.Sprintf("f/%d/%d", i%20, i)
		data := noise(uint64(i), int(i)*3)
		write(t, filepath.Join(src, p), data)
		want[p], want[path.Dir(p)] = string(data), "/"
	}
	for _, p := range []string{"f/empty", "f/deep/deeper/deepest"} {
		if err := os.MkdirAll(filepath.Join(src, p), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []string{"f/empty", "f/deep", "f/deep/deeper", "f/deep/deeper/deepest"} {
		want[p] = "/"
	}
	old := time.Unix(1e9, 0)
	for _, p := range []string{"f/3", "f/empty"} {
		if err := os.Chmod(filepath.Join(src, p), 0o555); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(src, p), old, old); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	_, got := mustTransfer(t, dst, filepath.Join(src, "f"))
	t.Logf("%d files in %v", files, time.Since(start))
	sameTree(t, tree(t, dst), want)
	if got.Files != files {
		t.Errorf("%d files", got.Files)
	}
	for _, p := range []string{"f/3", "f/empty"} {
		fi, err := os.Stat(filepath.Join(dst, p))
		if err != nil || runtime.GOOS != "windows" && fi.Mode().Perm() != 0o555 || !fi.ModTime().Equal(old) {
			t.Errorf("%s: mode %v, time %v", p, fi.Mode(), fi.ModTime())
		}
		os.Chmod(filepath.Join(dst, p), 0o755)
		os.Chmod(filepath.Join(src, p), 0o755)
	}
}
