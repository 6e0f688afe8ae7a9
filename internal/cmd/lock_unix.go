//go:build unix

package cmd

import (
	"os"

	"golang.org/x/sys/unix"
)

// lockFile takes the lock of the file, waiting until no other process holds it.
func lockFile(f *os.File) error {
	for {
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != unix.EINTR {
			return err
		}
	}
}
