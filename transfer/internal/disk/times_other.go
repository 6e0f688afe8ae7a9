//go:build !linux && !darwin

package disk

import (
	"errors"
	"os"
	"time"
)

// SetTime sets the modification time of what has the name below root. A time that package os
// cannot count in nanoseconds is an error.
func SetTime(root *os.Root, name string, mtime time.Time) error {
	if !time.Unix(0, mtime.UnixNano()).Equal(mtime) {
		return errors.ErrUnsupported
	}
	return root.Chtimes(name, time.Time{}, mtime)
}

// SetFileTime sets the modification time of f, which has the name in root.
func SetFileTime(root *os.Root, name string, _ *os.File, mtime time.Time) error {
	return SetTime(root, name, mtime)
}
