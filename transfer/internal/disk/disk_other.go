//go:build !linux

package disk

import (
	"errors"
	"os"
	"path"
)

func moveNew(root *os.Root, from, to string) error {
	src, err := root.Open(path.Dir(from))
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := root.Open(path.Dir(to))
	if err != nil {
		return err
	}
	defer dst.Close()
	return renameNew(src, path.Base(from), dst, path.Base(to))
}

// SyncData makes what was written to f last.
func SyncData(f *os.File) error { return f.Sync() }

// StartWriting does nothing here.
func StartWriting(*os.File) {}

// Unnamed returns errors.ErrUnsupported.
func Unnamed(string) (*os.File, error) { return nil, errors.ErrUnsupported }

// Forget does nothing here.
func Forget(*os.File) {}
