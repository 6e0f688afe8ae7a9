package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/windows"

	"p2ptool/internal/filelock"
)

// renamePatience is how long a rename is tried again while another program, such as a
// virus scanner, has the file open.
const renamePatience = 2 * time.Second

// openLocked takes the lock of the file at path, which unlock gives back, and opens it.
// The lock is on a file of its own in the user's folder for temporary files, since
// Windows does not replace a file that others have open.
func openLocked(path string) (f *os.File, unlock func() error, err error) {
	sum := sha256.Sum256([]byte(strings.ToLower(path)))
	lock, err := os.OpenFile(filepath.Join(os.TempDir(), fmt.Sprintf("p2ptool-%x.lock", sum[:8])), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, err
	}
	if err := filelock.Lock(lock); err != nil {
		return nil, nil, errors.Join(err, lock.Close())
	}
	if f, err = openRegular(path); err != nil {
		return nil, nil, errors.Join(err, lock.Close())
	}
	return f, func() error { return errors.Join(f.Close(), lock.Close()) }, nil
}

// likeFile does nothing: a new file has the access list of a private one.
func likeFile(string, os.FileInfo) error { return nil }

// rename closes the old file and replaces it. It tries again while another program has
// the file open.
func rename(old *os.File, temp, path string) error {
	if err := old.Close(); err != nil {
		return err
	}
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		err := os.Rename(temp, path)
		busy := errors.Is(err, windows.ERROR_ACCESS_DENIED) || errors.Is(err, windows.ERROR_SHARING_VIOLATION)
		if !busy || time.Since(begun) > renamePatience {
			return err
		}
	}
}

func syncFolder(string) error { return nil }
