package disk

import (
	"io/fs"
	"testing"
)

// Files from Windows get the usual permissions on other systems, and are not open to everyone.
func TestPermissions(t *testing.T) {
	t.Parallel()
	root := testRoot(t)
	put(t, root, "file")
	put(t, root, "read-only")
	if err := root.Chmod("read-only", 0o444); err != nil {
		t.Fatal(err)
	}
	if err := root.Mkdir("folder", 0o777); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{"file": 0o644, "read-only": 0o444, "folder": 0o755} {
		fi, err := root.Lstat(name)
		if err != nil || Permissions(fi) != want {
			t.Errorf("%s: %v, %v, want %v", name, Permissions(fi), err, want)
		}
	}
}
