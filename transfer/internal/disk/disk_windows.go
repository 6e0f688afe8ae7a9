package disk

import (
	"errors"
	"io/fs"
	"math"
	"os"

	"golang.org/x/sys/windows"
)

// OpenFlags are needed only on other systems, to keep an open from blocking.
const OpenFlags = 0

// folderFlags and here are needed only on other systems, to keep an open from blocking if a pipe is in the folder's place.
const (
	folderFlags = 0
	here        = ""
)

// ListsStates reports whether the metadata in a folder listing is as reliable as that of
// the file itself. Here, sizes and times in a listing may be outdated.
const ListsStates = false

// RemovesOpen reports whether removing an open file frees its name at once.
const RemovesOpen = false

// Lock locks f until it is closed. Other opens of the same file, in this process or another,
// then cannot lock it. It does not wait: it returns false if the file is locked already.
func Lock(f *os.File) bool {
	// On Windows a lock prevents access, so lock a byte far behind the end of any file.
	at := &windows.Overlapped{OffsetHigh: math.MaxInt32}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, at)
	return !errors.Is(err, windows.ERROR_LOCK_VIOLATION) && !errors.Is(err, windows.ERROR_IO_PENDING)
}

// Free returns how many bytes and files the disk of root has room for. ok is false if that
// is not known.
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

// syncDir does nothing: folders cannot be synced on Windows. NTFS journals their names.
func syncDir(*os.File) error { return nil }

// Full reports whether err says that a disk is full.
func Full(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}

// Broken reports whether err will occur for every other file, too.
func Broken(err error) bool {
	return Full(err) || errors.Is(err, windows.ERROR_CRC) || errors.Is(err, windows.ERROR_WRITE_PROTECT)
}

// Inode returns 0: a FileInfo has no inode number on Windows.
func Inode(fs.FileInfo) uint64 { return 0 }

// Permissions returns the permissions to send for a file or folder. The mode from package os is open to
// everyone and does not reflect the ACL, so other systems get the usual permissions. The read-only attribute
// means nothing for a folder.
func Permissions(fi fs.FileInfo) fs.FileMode {
	switch {
	case fi.IsDir():
		return 0o755
	case fi.Mode()&0o200 == 0:
		return 0o444
	}
	return 0o644
}
