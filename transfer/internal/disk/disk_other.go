//go:build !linux

package disk

import (
	"errors"
	"os"
)

func moveNew(from *Folder, name string, to *Folder, as string) error {
	return renameNew(from.f, name, to.f, as)
}

// StartWriting does nothing here.
func StartWriting(*os.File) {}

// Unnamed returns errors.ErrUnsupported.
func Unnamed(string) (*os.File, error) { return nil, errors.ErrUnsupported }

// Forget does nothing here.
func Forget(*os.File) {}
