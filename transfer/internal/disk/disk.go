// Package disk is what the transfer of files needs of a system beyond package os:
// locks, renaming that never replaces, syncing of folders, free space, identity of files,
// holes in them, and what a new file inherits from its folder.
//
// All paths are taken below an os.Root, so a symbolic link leads nowhere outside of it.
package disk

import (
	"errors"
	"io/fs"
	"os"
)

// Move gives the file that is called name in from another name in the folder to, and never replaces: if that
// exists the error is fs.ErrExist. Where the system cannot rename in that way, it makes a second link and
// removes the first; where the disk has no links either, it looks and then renames, and
// what is made under the name between the two is lost.
func Move(from *Folder, name string, to *Folder, as string) error {
	if !isName(name) || !isName(as) {
		return &os.LinkError{Op: "rename", Old: name, New: as, Err: fs.ErrInvalid}
	}
	err := moveNew(from, name, to, as)
	if !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	if err = link(from, name, to, as); err == nil {
		return from.root.Remove(name)
	}
	if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := to.Lstat(as); err == nil {
		return &os.LinkError{Op: "rename", Old: name, New: as, Err: fs.ErrExist}
	}
	return rename(from, name, to, as)
}

// Replace is Move, but what has the name is replaced.
func Replace(from *Folder, name string, to *Folder, as string) error {
	if !isName(name) || !isName(as) {
		return &os.LinkError{Op: "rename", Old: name, New: as, Err: fs.ErrInvalid}
	}
	return rename(from, name, to, as)
}

func isName(s string) bool { return s != "." && s != ".." && fs.ValidPath(s) && !hasSeparator(s) }

func hasSeparator(s string) bool {
	for i := range len(s) {
		if os.IsPathSeparator(s[i]) {
			return true
		}
	}
	return false
}

// SyncDir makes the names in a folder last, on macOS once FlushDrive was called. Where folders cannot be
// synced, as on Windows, it does nothing.
func SyncDir(root *os.Root, dir string) error {
	f, err := openDir(root, dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return syncDir(f)
}
