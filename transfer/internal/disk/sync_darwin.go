package disk

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// On macOS a sync that empties the drive's cache (F_FULLFSYNC, which File.Sync does) takes tens of milliseconds.
// So files are handed to the drive with a barrier, which keeps what is written after it from becoming durable
// before, and one FlushDrive follows for all of them.

// SyncData is SyncFile.
func SyncData(f *os.File) error { return SyncFile(f) }

// SyncFile hands f to the drive, before all that is written after it. It lasts once FlushDrive was called.
func SyncFile(f *os.File) error {
	for {
		_, err := unix.FcntlInt(f.Fd(), unix.F_BARRIERFSYNC, 0)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EIO) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT):
			return os.NewSyscallError("fcntl", err)
		default: // a disk that knows no barriers
			return f.Sync()
		}
	}
}

// FlushDrive makes all last that SyncFile and SyncData handed to the drive that root is on.
func FlushDrive(root *os.Root) error {
	f, err := root.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	return syncedDir(f.Sync())
}

func syncDir(f *os.File) error { return syncedDir(SyncFile(f)) }
