package terminal

import (
	"os"

	"golang.org/x/sys/unix"
)

// discardInput discards typed input that is not read yet.
func discardInput(f *os.File) error {
	return unix.IoctlSetInt(int(f.Fd()), unix.TCFLSH, unix.TCIFLUSH)
}
