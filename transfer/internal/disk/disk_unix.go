//go:build linux || darwin || freebsd || openbsd || netbsd || dragonfly

package disk

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// OpenFlags keep the opening of what turns out to be a pipe or a device from blocking.
const OpenFlags = syscall.O_NONBLOCK | syscall.O_NOFOLLOW

// folderFlags are those for a folder: the opening of anything else fails.
const folderFlags = OpenFlags | syscall.O_DIRECTORY

// here stands behind a path that has to be a folder: its last part is then opened with O_DIRECTORY.
const here = "/."

// ListsStates reports whether what the listing of a folder says of a file is as good as
// asking for the file itself.
const ListsStates = true

// RemovesOpen reports whether the name of a file that is removed while it is open is free at once.
const RemovesOpen = true

// Lock locks f against other openings of it, in this process or another, until it is
// closed. It does not wait: false says that it is locked already. Where the disk knows no
// locks, it reports true.
func Lock(f *os.File) bool {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	return err != unix.EWOULDBLOCK
}

// Free tells how many bytes and files the disk of root has room for; ok is false
// where that is not known.
func Free(root *os.Root) (bytes, files int64, ok bool) {
	f, err := root.Open(".")
	if err != nil {
		return 0, 0, false
	}
	defer f.Close()
	return freeOf(int(f.Fd()))
}

// syncedDir takes no notice of a disk on which folders cannot be synced.
func syncedDir(err error) error {
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	return err
}

// Full reports whether err says that a disk has no room, or a person no share of it left.
func Full(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

// Broken reports whether err is one that every further file will meet as well.
func Broken(err error) bool {
	return Full(err) || errors.Is(err, unix.EIO) || errors.Is(err, unix.EROFS)
}

// Inode returns the number of a file on its disk, 0 where there is none.
func Inode(fi fs.FileInfo) uint64 {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Ino)
	}
	return 0
}

// Hide does nothing: a name that begins with a dot is hidden.
func Hide(*os.Root, string) error { return nil }

// Permissions returns those to send of a file or folder.
func Permissions(fi fs.FileInfo) fs.FileMode { return fi.Mode().Perm() }
