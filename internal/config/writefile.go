package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile makes the file at path, readable by its owner alone, with the folders
// that lead there. An existing one is an error that wraps fs.ErrExist, unless
// replace: then the new one takes its place at once, or not at all.
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

// create writes a file that must not be there yet, and leaves none if it fails.
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
