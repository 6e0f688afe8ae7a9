package disk

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// moveNew renames by renameat2(2).
func moveNew(from *Folder, name string, to *Folder, as string) error {
	err := unix.Renameat2(int(from.f.Fd()), name, int(to.f.Fd()), as, unix.RENAME_NOREPLACE)
	if err == unix.ENOSYS || err == unix.EINVAL {
		return errors.ErrUnsupported
	}
	return linkError("rename", name, as, err)
}

// SyncData makes what was written to f last, with no more of its metadata than is
// needed to read it.
func SyncData(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return err
		}
	}
}

// SyncFile makes f last, with its metadata.
func SyncFile(f *os.File) error { return f.Sync() }

// FlushDrive does nothing: what is synced lasts.
func FlushDrive(*os.Root) error { return nil }

// StartWriting begins to write f to the disk, without waiting for it. When that was done to
// several files, the first of them that is synced takes the others along.
func StartWriting(f *os.File) {
	// Only a hint: the sync that follows reports what goes wrong.
	_ = unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE)
}

// Unnamed makes a file without a name on the disk of the folder dir: errors.ErrUnsupported
// where that cannot be.
func Unnamed(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, unix.O_TMPFILE|os.O_RDWR, 0o600)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EINVAL) {
		return nil, errors.ErrUnsupported
	}
	return f, err
}

// Forget drops what the system keeps in memory of f, and what was synced.
func Forget(f *os.File) {
	// A disk may not know how, and then reading says less of it.
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
}
