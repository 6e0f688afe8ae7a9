// Package disk provides what file transfers need from the system beyond package os:
// locks, renaming without replacing, syncing of folders, free space, identity of files,
// holes, and what a new file inherits from its folder.
//
// All paths are relative to an os.Root, so a symbolic link cannot lead outside of it.
package disk

import (
	"errors"
	"io/fs"
	"os"
)

// Move renames the file name in the folder from to as in the folder to. It never replaces a file: if as
// exists, the error is fs.ErrExist. If the system cannot rename without replacing, Move makes a second
// link and removes the first. If the disk does not support links either, it checks that as does not exist
// and then renames. A file that is created as as between the two is lost.
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

// Replace is Move, but replaces an existing file.
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

// SyncDir makes the names in a folder durable; on macOS, only once FlushDrive was called. If folders cannot
// be synced, as on Windows, it does nothing.
func SyncDir(root *os.Root, dir string) error {
	f, err := openDir(root, dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return syncDir(f)
}
