package disk

import (
	"errors"
	"io/fs"
	"os"
)

// OpenRoot is os.OpenRoot, but returns an error at once where a pipe or a device is in the folder's place. Opening that
// could wait for ever.
func OpenRoot(dir string) (*os.Root, error) {
	root, err := os.OpenRoot(dir + here)
	return root, renamed(err, dir)
}

// OpenSubRoot is OpenRoot for a folder below root.
func OpenSubRoot(root *os.Root, dir string) (*os.Root, error) {
	sub, err := root.OpenRoot(dir + here)
	return sub, renamed(err, dir)
}

// openDir opens a folder below root, and nothing else.
func openDir(root *os.Root, dir string) (*os.File, error) {
	return root.OpenFile(dir, os.O_RDONLY|folderFlags, 0)
}

// renamed has an error name the path that the caller gave.
func renamed(err error, path string) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		e.Path = path
	}
	return err
}
