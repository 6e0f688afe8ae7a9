// Package disk is what the transfer of files needs of a system beyond package os:
// locks, renaming that never replaces, syncing of folders, free space, identity of files.
//
// All paths are taken below an os.Root, so a symbolic link leads nowhere outside of it.
package disk

import (
	"errors"
	"io/fs"
	"os"
)

// Move renames from to to, below root, and never replaces: if to exists the error is
// fs.ErrExist. Where the system cannot rename in that way, it makes a second link and
// removes the first; where the disk has no links either, it looks and then renames, and
// what is made under the name between the two is lost.
func Move(root *os.Root, from, to string) error {
	err := moveNew(root, from, to)
	if !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	if err = root.Link(from, to); err == nil {
		return root.Remove(from)
	}
	if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := root.Lstat(to); err == nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: fs.ErrExist}
	}
	return root.Rename(from, to)
}

// SyncDir makes the names in a folder last. Where folders cannot be synced, as on
// Windows, it does nothing.
func SyncDir(root *os.Root, dir string) error {
	f, err := root.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return syncDir(f)
}
