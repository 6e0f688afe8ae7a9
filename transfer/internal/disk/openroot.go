package disk

import (
	"errors"
	"io/fs"
	"os"
)

// OpenRoot is os.OpenRoot, but returns an error at once if dir is a pipe or a device. Opening one of those could
// block forever.
func OpenRoot(dir string) (*os.Root, error) {
	root, err := os.OpenRoot(dir + here)
	return root, renamed(err, dir)
}

// OpenSubRoot is OpenRoot for a folder below root.
func OpenSubRoot(root *os.Root, dir string) (*os.Root, error) {
	sub, err := root.OpenRoot(dir + here)
	return sub, renamed(err, dir)
}

// openDir opens a folder below root. It fails for anything else.
func openDir(root *os.Root, dir string) (*os.File, error) {
	return root.OpenFile(dir, os.O_RDONLY|folderFlags, 0)
}

// renamed replaces the path in an error with the one that the caller passed.
func renamed(err error, path string) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		e.Path = path
	}
	return err
}
