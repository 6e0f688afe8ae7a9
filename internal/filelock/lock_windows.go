package filelock

import (
	"os"

	"golang.org/x/sys/windows"
)

// Lock takes the lock of the file, waiting until no other process holds it.
func Lock(f *os.File) error {
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, new(windows.Overlapped))
}
