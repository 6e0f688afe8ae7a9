package disk

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// On macOS a sync that empties the drive's cache (F_FULLFSYNC, which File.Sync uses) takes tens of milliseconds.
// So files are written to the drive with a barrier, which keeps later writes from becoming durable earlier, and a
// single FlushDrive follows for all of them.

// SyncData is SyncFile.
func SyncData(f *os.File) error { return SyncFile(f) }

// SyncFile writes f to the drive, ordered before all later writes. f is durable once FlushDrive was called.
func SyncFile(f *os.File) error {
	for {
		_, err := unix.FcntlInt(f.Fd(), unix.F_BARRIERFSYNC, 0)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EIO) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT):
			return os.NewSyscallError("fcntl", err)
		default: // the disk does not support barriers
			return f.Sync()
		}
	}
}

// FlushDrive makes everything durable that SyncFile and SyncData wrote to the drive of root.
func FlushDrive(root *os.Root) error {
	f, err := root.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	return syncedDir(f.Sync())
}

func syncDir(f *os.File) error { return syncedDir(SyncFile(f)) }
