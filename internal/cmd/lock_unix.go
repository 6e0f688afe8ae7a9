//go:build unix

package cmd

import (
	"os"

	"golang.org/x/sys/unix"
)

// lockFile waits until no other process holds the lock of the file, and takes it.
func lockFile(f *os.File) error {
	for {
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != unix.EINTR {
			return err
		}
	}
}
