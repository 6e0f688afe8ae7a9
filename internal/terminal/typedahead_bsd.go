//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package terminal

import (
	"os"

	"golang.org/x/sys/unix"
)

// forgetTyped drops what was typed and not read yet.
func forgetTyped(f *os.File) error {
	const read = 1 // FREAD: the input alone
	return unix.IoctlSetPointerInt(int(f.Fd()), unix.TIOCFLUSH, read)
}
