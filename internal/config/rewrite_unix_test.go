//go:build unix

package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestRewriteKeepsTheFile holds that a link stays a link, and mode and owner stay.
func TestRewriteKeepsTheFile(t *testing.T) {
	real := writeContacts(t, "# a config\n")
	if err := os.Chmod(real, 0o640); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(real, 1234, 2345); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.Stat(real)
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link.toml")
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	if err := load(t, link).AddContact("bob", parseGUID(t, bobGUID)); err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Lstat(link); err != nil || fi.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is now %v, %v", fi.Mode(), err)
	}
	after, err := os.Stat(real)
	if err != nil {
		t.Fatal(err)
	}
	if ownerOf(before) != ownerOf(after) || before.Mode() != after.Mode() {
		t.Errorf("%v %v, was %v %v", ownerOf(after), after.Mode(), ownerOf(before), before.Mode())
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(real), "*.new*")); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

func TestReadOnlyConfig(t *testing.T) {
	path := writeContacts(t, "# a config\n")
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	err := load(t, path).AddContact("bob", parseGUID(t, bobGUID))
	u, ok := errors.AsType[*UnwritableError](err)
	if !ok || !strings.Contains(u.Lines, "[contacts.bob]\nguid = \""+bobGUID+"\"\n") {
		t.Errorf("%v", err)
	}
}

type owner struct{ uid, gid uint32 }

func ownerOf(fi os.FileInfo) owner {
	s := fi.Sys().(*syscall.Stat_t)
	return owner{s.Uid, s.Gid}
}
