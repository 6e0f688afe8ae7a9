package config

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// WriteFile creates the file at path, readable only by its owner, and its folders. If the file
// exists, the error wraps fs.ErrExist; with replace it is replaced atomically instead.
func WriteFile(path, text string, replace bool) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if !replace {
		return create(path, text)
	}
	return replaceBy(path, text, os.Rename)
}

// replaceBy writes a file beside path, under a name that nothing has, and has rename put
// it in the place of path. It leaves no file if that fails.
func replaceBy(path, text string, rename func(temp, path string) error) error {
	temp := fmt.Sprintf("%s.new-%08x", path, rand.Uint32())
	if err := create(temp, text); err != nil {
		return err
	}
	if err := rename(temp, path); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return nil
}

// create writes a file that must not exist yet. If it fails it leaves no file behind.
func create(path, text string) error {
	f, err := createPrivate(path)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
