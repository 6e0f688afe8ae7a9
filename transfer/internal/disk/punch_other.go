//go:build !linux

package disk

import (
	"errors"
	"os"
)

func punch(*os.File, int64, int64) error { return errors.ErrUnsupported }

// IsVirtual reports whether f is on a disk where sizes mean nothing.
func IsVirtual(*os.File) bool { return false }
