//go:build unix

package config

import (
	"errors"
	"os"
	"syscall"

	"p2ptool/internal/filelock"
)

// openLocked opens the file at path and takes its lock, which unlock gives back. It opens
// it again when another process replaced it meanwhile.
func openLocked(path string) (f *os.File, unlock func() error, err error) {
	for {
		if f, err = openRegular(path); err != nil {
			return nil, nil, err
		}
		if err := filelock.Lock(f); err != nil {
			return nil, nil, errors.Join(err, f.Close())
		}
		if same, err := isAt(f, path); err != nil || same {
			return f, f.Close, err
		}
		if err := f.Close(); err != nil {
			return nil, nil, err
		}
	}
}

// isAt reports whether the open file is the one at path.
func isAt(f *os.File, path string) (bool, error) {
	opened, err := f.Stat()
	if err != nil {
		return false, err
	}
	now, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	return os.SameFile(opened, now), nil
}

// likeFile gives a new file the mode and the owner of another.
func likeFile(path string, old os.FileInfo) error {
	if stat, ok := old.Sys().(*syscall.Stat_t); ok {
		if err := os.Lchown(path, int(stat.Uid), int(stat.Gid)); err != nil {
			return err
		}
	}
	return os.Chmod(path, old.Mode().Perm())
}

// rename replaces the file at path, whose lock is held by old.
func rename(_ *os.File, temp, path string) error { return os.Rename(temp, path) }

// syncFolder has a new name survive a power cut.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
