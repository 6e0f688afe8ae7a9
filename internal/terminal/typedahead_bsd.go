//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package terminal

import (
	"os"

	"golang.org/x/sys/unix"
)

// discardInput discards typed input that is not read yet.
func discardInput(f *os.File) error {
	const read = 1 // FREAD: only the input
	return unix.IoctlSetPointerInt(int(f.Fd()), unix.TIOCFLUSH, read)
}
