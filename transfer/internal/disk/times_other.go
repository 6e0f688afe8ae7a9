//go:build !linux && !darwin

package disk

import (
	"errors"
	"os"
	"time"
)

// SetTime sets the modification time of the file name below root. It returns an error for a
// time that does not fit into 64 bits of nanoseconds, which package os uses.
func SetTime(root *os.Root, name string, mtime time.Time) error {
	if !time.Unix(0, mtime.UnixNano()).Equal(mtime) {
		return errors.ErrUnsupported
	}
	return root.Chtimes(name, time.Time{}, mtime)
}

// SetFileTime sets the modification time of f, the file name below root.
func SetFileTime(root *os.Root, name string, _ *os.File, mtime time.Time) error {
	return SetTime(root, name, mtime)
}
