package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

func testRoot(t *testing.T) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

func openFolder(t *testing.T, root *os.Root, dir string) *Folder {
	t.Helper()
	d, err := OpenFolder(root, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func put(t *testing.T, root *os.Root, name string) {
	t.Helper()
	if err := root.WriteFile(name, []byte(name), 0o600); err != nil {
		t.Fatal(err)
	}
}

// symlink makes a symbolic link. It returns false if it cannot: on Windows it needs a privilege.
func symlink(t *testing.T, root *os.Root, to, name string) bool {
	t.Helper()
	err := root.Symlink(to, name)
	if err != nil && runtime.GOOS != "windows" {
		t.Fatal(err)
	}
	return err == nil
}

func TestMoveNeverReplaces(t *testing.T) {
	t.Parallel()
	root := testRoot(t)
	put(t, root, "a")
	put(t, root, "b")
	d := openFolder(t, root, ".")
	if err := Move(d, "a", d, "b"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("onto a file: %v", err)
	}
	if symlink(t, root, "nowhere", "link") {
		if err := Move(d, "a", d, "link"); !errors.Is(err, fs.ErrExist) {
			t.Errorf("onto a link to nothing: %v", err)
		}
	}
	if err := Move(d, "a", d, "c"); err != nil {
		t.Errorf("to a free name: %v", err)
	}
	if b, err := root.ReadFile("c"); err != nil || string(b) != "a" {
		t.Errorf("moved file holds %q, %v", b, err)
	}
	if b, err := root.ReadFile("b"); err != nil || string(b) != "b" {
		t.Errorf("file that was in the way holds %q, %v", b, err)
	}
}

// If several files race for a name, exactly one gets it.
func TestMoveRaced(t *testing.T) {
	t.Parallel()
	root := testRoot(t)
	d := openFolder(t, root, ".")
	var won atomic.Int32
	var wg sync.WaitGroup
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		put(t, root, name)
		wg.Go(func() {
			if Move(d, name, d, "x") == nil {
				won.Add(1)
			}
		})
	}
	if wg.Wait(); won.Load() != 1 {
		t.Errorf("%d got the name", won.Load())
	}
}

func TestMoveStaysInside(t *testing.T) {
	t.Parallel()
	root, outside := testRoot(t), t.TempDir()
	put(t, root, "a")
	if !symlink(t, root, outside, "out") {
		t.Skip("no symbolic links here")
	}
	if _, err := OpenFolder(root, "out"); err == nil {
		t.Error("opened a link to the outside")
	}
	d := openFolder(t, root, ".")
	for _, name := range []string{"out/a", "../a", "..", "", "/a"} {
		if Move(d, "a", d, name) == nil || Replace(d, "a", d, name) == nil {
			t.Errorf("moved to %q", name)
		}
	}
	if _, err := os.Lstat(filepath.Join(outside, "a")); err == nil {
		t.Error("the file is outside")
	}
}

func TestLock(t *testing.T) {
	t.Parallel()
	root := testRoot(t)
	put(t, root, "a")
	open := func() *os.File {
		f, err := root.OpenFile("a", os.O_RDWR|OpenFlags, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	first := open()
	if !Lock(first) || Lock(open()) {
		t.Error("the lock is not exclusive")
	}
	first.Close()
	if !Lock(open()) {
		t.Error("the lock outlives its file")
	}
}

func TestFree(t *testing.T) {
	t.Parallel()
	if bytes, files, ok := Free(testRoot(t)); ok && (bytes <= 0 || files <= 0) {
		t.Errorf("%d bytes, %d files free", bytes, files)
	}
	if err := SyncDir(testRoot(t), "."); err != nil {
		t.Errorf("SyncDir: %v", err)
	}
}
