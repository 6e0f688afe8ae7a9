//go:build !linux && !darwin && !windows

package disk

import (
	"errors"
	"os"
)

// renameNew returns errors.ErrUnsupported: this system cannot rename without replacing.
func renameNew(*os.File, string, *os.File, string) error { return errors.ErrUnsupported }
