package disk

import (
	"errors"
	"io/fs"
	"testing"
	"time"
)

func testNameless(t *testing.T, d *Folder, content string) *Nameless {
	t.Helper()
	n, err := d.NewNameless()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("not on this disk")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	if _, err := n.WriteAt([]byte(content), 0); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestNameless(t *testing.T) {
	t.Parallel()
	root := testRoot(t)
	if err := root.Mkdir("d", 0o777); err != nil {
		t.Fatal(err)
	}
	d := openFolder(t, root, "d")
	n := testNameless(t, d, "hello")
	if names, _ := fs.ReadDir(root.FS(), "d"); len(names) != 0 {
		t.Errorf("it has the name %s", names)
	}
	when := time.Unix(1e9, 5000)
	n.Dress(0o640, when)
	inode, mtime, err := n.State()
	if err != nil || !mtime.Equal(when) {
		t.Errorf("mtime %v, %v", mtime, err)
	}
	if err := errors.Join(n.Sync(), n.Link(d, "a"), d.Sync()); err != nil {
		t.Fatal(err)
	}
	fi, err := root.Lstat("d/a")
	if err != nil || fi.Mode() != 0o640 || Inode(fi) != inode || !fi.ModTime().Equal(when) {
		t.Errorf("%v, %v", fi, err)
	}
	if b, err := root.ReadFile("d/a"); err != nil || string(b) != "hello" {
		t.Errorf("it holds %q, %v", b, err)
	}
}

func TestLinkNeverReplaces(t *testing.T) {
	t.Parallel()
	root := testRoot(t)
	put(t, root, "a")
	if err := root.Symlink("nowhere", "link"); err != nil {
		t.Fatal(err)
	}
	d := openFolder(t, root, ".")
	n := testNameless(t, d, "new")
	for _, name := range []string{"a", "link", ".", ".."} {
		if err := n.Link(d, name); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"", "../b", "a/b", "/b"} {
		if err := n.Link(d, name); err == nil {
			t.Errorf("%q became a name", name)
		}
	}
	if b, err := root.ReadFile("a"); err != nil || string(b) != "a" {
		t.Errorf("the file that was in the way holds %q, %v", b, err)
	}
}

func TestWhole(t *testing.T) {
	t.Parallel()
	w, err := OpenWhole(testRoot(t))
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("not this disk")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Sync(); err != nil {
		t.Error(err)
	}
}

func TestAtLeast(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{
		"5.8": true, "5.8.0-rc1": true, "5.10.3-amd64": true, "6.18.44": true, "6-x": true, "10.0": true,
		"5.7.19": false, "5.7-rc8": false, "4.19.0": false, "5": false, "": false, "x": false,
	} {
		if got := atLeast(version, "5.8"); got != want {
			t.Errorf("%q: %v", version, got)
		}
	}
}
