package disk

import (
	"errors"
	"io/fs"
	"math"
	"os"

	"golang.org/x/sys/windows"
)

// OpenFlags are those of other systems that keep an opening from blocking.
const OpenFlags = 0

// folderFlags and here are what other systems need so that opening a folder does not wait for a pipe in its place.
const (
	folderFlags = 0
	here        = ""
)

// ListsStates reports whether what the listing of a folder says of a file is as good as
// asking for the file itself: here sizes and times may be those of a while ago.
const ListsStates = false

// RemovesOpen reports whether the name of a file that is removed while it is open is free at once.
const RemovesOpen = false

// Lock locks f against other openings of it, in this process or another, until it is
// closed. It does not wait: false says that it is locked already.
func Lock(f *os.File) bool {
	// Locks forbid access here, so it is a byte that no file has.
	at := &windows.Overlapped{OffsetHigh: math.MaxInt32}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, at)
	return !errors.Is(err, windows.ERROR_LOCK_VIOLATION) && !errors.Is(err, windows.ERROR_IO_PENDING)
}

// Free tells how many bytes and files the disk of root has room for; ok is false
// where that is not known.
func Free(root *os.Root) (bytes, files int64, ok bool) {
	name, err := windows.UTF16PtrFromString(root.Name())
	if err != nil {
		return 0, 0, false
	}
	var free uint64
	if windows.GetDiskFreeSpaceEx(name, &free, nil, nil) != nil {
		return 0, 0, false
	}
	return int64(min(free, math.MaxInt64)), math.MaxInt64, true
}

// A folder cannot be synced here; its disk keeps its names in a journal.
func syncDir(*os.File) error { return nil }

// Full reports whether err says that a disk has no room.
func Full(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}

// Broken reports whether err is one that every further file will meet as well.
func Broken(err error) bool {
	return Full(err) || errors.Is(err, windows.ERROR_CRC) || errors.Is(err, windows.ERROR_WRITE_PROTECT)
}

// Inode returns the number of a file on its disk, 0 where it is not at hand.
func Inode(fs.FileInfo) uint64 { return 0 }

// Permissions returns those to send of a file or folder. Package os gives what anybody may do, which is not
// what the ACL says; systems with permissions should get the usual ones. The attribute read-only means
// nothing for a folder.
func Permissions(fi fs.FileInfo) fs.FileMode {
	switch {
	case fi.IsDir():
		return 0o755
	case fi.Mode()&0o200 == 0:
		return 0o444
	}
	return 0o644
}
