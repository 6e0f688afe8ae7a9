package disk

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// moveNew renames with renameat2(2).
func moveNew(from *Folder, name string, to *Folder, as string) error {
	err := unix.Renameat2(int(from.f.Fd()), name, int(to.f.Fd()), as, unix.RENAME_NOREPLACE)
	if err == unix.ENOSYS || err == unix.EINVAL {
		return errors.ErrUnsupported
	}
	return linkError("rename", name, as, err)
}

// SyncData makes the data of f durable, with only the metadata that is needed to read
// it.
func SyncData(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return err
		}
	}
}

// SyncFile makes f durable, with its metadata.
func SyncFile(f *os.File) error { return f.Sync() }

// FlushDrive does nothing: what is synced is durable.
func FlushDrive(*os.Root) error { return nil }

// StartWriting starts to write f to the disk, and does not wait. If it was called for several
// files, the first sync of one of them also makes the others' data reach the disk.
func StartWriting(f *os.File) {
	// Only a hint: the sync that follows reports errors.
	_ = unix.SyncFileRange(int(f.Fd()), 0, 0, unix.SYNC_FILE_RANGE_WRITE)
}

// Unnamed makes a file without a name on the disk of the folder dir. It returns
// errors.ErrUnsupported if the disk cannot do that.
func Unnamed(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, unix.O_TMPFILE|os.O_RDWR, 0o600)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EINVAL) {
		return nil, errors.ErrUnsupported
	}
	return f, err
}

// Forget drops the synced data of f from the system's cache.
func Forget(f *os.File) {
	// Best effort: without it, reading says less about the disk.
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
}
