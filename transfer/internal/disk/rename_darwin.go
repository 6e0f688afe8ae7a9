package disk

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// renameNew renames with renamex_np(2). It returns errors.ErrUnsupported if the disk cannot do that.
func renameNew(src *os.File, name string, dst *os.File, as string) error {
	err := unix.RenameatxNp(int(src.Fd()), name, int(dst.Fd()), as, unix.RENAME_EXCL)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS):
		return errors.ErrUnsupported
	}
	return &os.LinkError{Op: "rename", Old: name, New: as, Err: err}
}
