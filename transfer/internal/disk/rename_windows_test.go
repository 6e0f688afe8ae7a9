package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// testFolders makes the folders "hidden" and "target" below a root.
func testFolders(t *testing.T) (root *os.Root, hidden, target *os.File) {
	t.Helper()
	root = testRoot(t)
	open := func(name string) *os.File {
		if err := root.Mkdir(name, 0o777); err != nil {
			t.Fatal(err)
		}
		f, err := root.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	return root, open("hidden"), open("target")
}

// hold opens a file like a virus scanner, so that nobody can rename or remove it.
func hold(t *testing.T, root *os.Root, name string) (letGo func()) {
	t.Helper()
	path, err := windows.UTF16PtrFromString(filepath.Join(root.Name(), name))
	if err != nil {
		t.Fatal(err)
	}
	h, err := windows.CreateFile(path, windows.GENERIC_READ, windows.FILE_SHARE_READ, nil, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return func() { windows.CloseHandle(h) }
}

// A file that a scanner holds briefly is renamed once the scanner closes it.
func TestRenameWaitsForScanner(t *testing.T) {
	t.Parallel()
	for name, rename := range map[string]func(*os.File, string, *os.File, string) error{"new": renameNew, "over": renameOver} {
		root, hidden, target := testFolders(t)
		put(t, root, "hidden/a")
		letGo := hold(t, root, "hidden/a")
		timer := time.AfterFunc(300*time.Millisecond, letGo)
		if err := rename(hidden, "a", target, "b"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		timer.Stop()
		if _, err := root.Lstat("target/b"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRenameGivesUpOnScanner(t *testing.T) {
	t.Parallel()
	root, hidden, target := testFolders(t)
	put(t, root, "hidden/a")
	defer hold(t, root, "hidden/a")()
	var held *HeldError
	if err := renameNew(hidden, "a", target, "b"); !errors.As(err, &held) || !strings.Contains(err.Error(), "virus scanner") {
		t.Errorf("renamed a file that is held: %v", err)
	}
	if _, err := root.Lstat("hidden/a"); err != nil {
		t.Errorf("what was received: %v", err)
	}
}

// renameNew never makes a second link, which a killed process would leave behind.
func TestRenameNewMakesNoLink(t *testing.T) {
	t.Parallel()
	root, hidden, target := testFolders(t)
	put(t, root, "hidden/a")
	put(t, root, "target/B")
	if err := renameNew(hidden, "a", target, "b"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("to a name that is taken but for its case: %v", err)
	}
	if err := renameNew(hidden, "a", target, "c"); err != nil {
		t.Fatal(err)
	}
	if _, err := root.Lstat("hidden/a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the old name: %v", err)
	}
}

func TestRenameOverReplaces(t *testing.T) {
	t.Parallel()
	root, hidden, target := testFolders(t)
	put(t, root, "hidden/a")
	put(t, root, "target/b")
	if err := root.Chmod("target/b", 0o444); err != nil {
		t.Fatal(err)
	}
	if err := renameOver(hidden, "a", target, "b"); err != nil {
		t.Errorf("over a file that is read-only: %v", err)
	}
	put(t, root, "hidden/a")
	if err := root.Mkdir("target/dir", 0o777); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if err := renameOver(hidden, "a", target, "dir"); err == nil || time.Since(begun) > patience {
		t.Errorf("over a folder: %v after %v", err, time.Since(begun))
	}
}

// A moved file has the ACL of its new folder, not the one that it was created with.
func TestRenameInheritsACL(t *testing.T) {
	t.Parallel()
	root, hidden, target := testFolders(t)
	const onlyMe = "D:P(A;OICI;FA;;;BA)"
	const allRead = "D:P(A;OICI;FA;;;BA)(A;OICI;FR;;;WD)"
	protect(t, filepath.Join(root.Name(), "hidden"), onlyMe)
	protect(t, filepath.Join(root.Name(), "target"), allRead)
	put(t, root, "hidden/a")
	put(t, root, "target/made here")
	if strings.Contains(aclOf(t, root, "hidden/a"), "WD") {
		t.Skip("this disk keeps no ACLs, as under wine")
	}
	if err := renameNew(hidden, "a", target, "moved here"); err != nil {
		t.Fatal(err)
	}
	moved, made := aclOf(t, root, "target/moved here"), aclOf(t, root, "target/made here")
	if moved != made {
		t.Errorf("moved here: %s, made here: %s", moved, made)
	}
}

func protect(t *testing.T, path, sddl string) {
	t.Helper()
	sd, err := windows.SecurityDescriptorFromString(sddl)
	if err != nil {
		t.Fatal(err)
	}
	acl, _, err := sd.DACL()
	if err != nil {
		t.Fatal(err)
	}
	const dacl = windows.DACL_SECURITY_INFORMATION | windows.PROTECTED_DACL_SECURITY_INFORMATION
	if err := windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, dacl, nil, nil, acl, nil); err != nil {
		t.Fatal(err)
	}
}

func aclOf(t *testing.T, root *os.Root, name string) string {
	t.Helper()
	sd, err := windows.GetNamedSecurityInfo(filepath.Join(root.Name(), name), windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		t.Fatal(err)
	}
	return sd.String()
}

func TestHide(t *testing.T) {
	t.Parallel()
	root, _, _ := testFolders(t)
	if err := Hide(root, "hidden"); err != nil {
		t.Fatal(err)
	}
	path, err := windows.UTF16PtrFromString(filepath.Join(root.Name(), "hidden"))
	if err != nil {
		t.Fatal(err)
	}
	if attrs, err := windows.GetFileAttributes(path); err != nil || attrs&windows.FILE_ATTRIBUTE_HIDDEN == 0 || attrs&windows.FILE_ATTRIBUTE_DIRECTORY == 0 {
		t.Errorf("attributes %#x, %v", attrs, err)
	}
	put(t, root, "hidden/a")
}
