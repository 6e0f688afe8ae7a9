//go:build linux || darwin || freebsd || openbsd || netbsd || dragonfly

package disk

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// OpenFlags keep an open from blocking if the file turns out to be a pipe or a device.
const OpenFlags = syscall.O_NONBLOCK | syscall.O_NOFOLLOW

// folderFlags are the flags for a folder. Opening anything else fails.
const folderFlags = OpenFlags | syscall.O_DIRECTORY

// here is appended to a path that must be a folder, so that its last element is opened with O_DIRECTORY.
const here = "/."

// ListsStates reports whether the metadata in a folder listing is as reliable as that of
// the file itself.
const ListsStates = true

// RemovesOpen reports whether removing an open file frees its name at once.
const RemovesOpen = true

// Lock locks f until it is closed. Other opens of the same file, in this process or another,
// then cannot lock it. It does not wait: it returns false if the file is locked already. If
// the disk does not support locks, it returns true.
func Lock(f *os.File) bool {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	return err != unix.EWOULDBLOCK
}

// Free returns how many bytes and files the disk of root has room for. ok is false if that
// is not known.
func Free(root *os.Root) (bytes, files int64, ok bool) {
	f, err := root.Open(".")
	if err != nil {
		return 0, 0, false
	}
	defer f.Close()
	return freeOf(int(f.Fd()))
}

// syncedDir ignores the error of a disk that cannot sync folders.
func syncedDir(err error) error {
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	return err
}

// Full reports whether err says that a disk is full or the user's quota is used up.
func Full(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

// Broken reports whether err will occur for every other file, too.
func Broken(err error) bool {
	return Full(err) || errors.Is(err, unix.EIO) || errors.Is(err, unix.EROFS)
}

// Inode returns the inode number of a file, or 0 if there is none.
func Inode(fi fs.FileInfo) uint64 {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Ino)
	}
	return 0
}

// Hide does nothing: names that begin with a dot are hidden.
func Hide(*os.Root, string) error { return nil }

// Permissions returns the permissions to send for a file or folder.
func Permissions(fi fs.FileInfo) fs.FileMode { return fi.Mode().Perm() }
