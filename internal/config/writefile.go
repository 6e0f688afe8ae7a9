package config

import (
	"errors"
	"io/fs"
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
	temp := path + ".new"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := create(temp, text); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
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
