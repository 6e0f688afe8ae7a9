package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"p2ptool/internal/textfile"
)

// An UnwritableError means that the config cannot be changed here: it is read-only, or
// its folder is.
type UnwritableError struct {
	File  string
	Lines string // what to add by hand; may be empty
	Err   error
}

func (e *UnwritableError) Error() string {
	return fmt.Sprintf("%q cannot be changed: %v", e.File, e.Err)
}

// Unwrap returns the cause.
func (e *UnwritableError) Unwrap() error { return e.Err }

// rewrite changes the text of the file at path. The new file takes the old one's place
// at once, with its mode and owner. A symbolic link stays one: the file that it
// leads to changes. Two processes that change a file at the same time take turns.
func rewrite(path string, change func(text string) (string, error)) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	f, unlock, err := openLocked(real)
	if err != nil {
		return err
	}
	defer unlock()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return err
	}
	changed, err := change(string(text))
	if err != nil {
		return err
	}
	if len(changed) > maxFile {
		return fmt.Errorf("%s: would be longer than %d bytes", path, maxFile)
	}
	err = replaceFile(f, real, text, changed)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return &UnwritableError{File: path, Err: err}
	}
	return err
}

// openRegular opens a file, and refuses what is none: a pipe would block.
func openRegular(path string) (*os.File, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%q is not a regular file", path)
	}
	return textfile.Open(path) // it may have become a pipe just now
}

// replaceFile writes a new file and renames it over path. Where that cannot be done since
// the file is a mount of its own, it keeps a copy as .bak and writes into the file.
func replaceFile(old *os.File, path string, before []byte, text string) error {
	info, err := old.Stat()
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o200 == 0 {
		return fmt.Errorf("it is read-only: %w", fs.ErrPermission)
	}
	err = replaceBy(path, text, func(temp, path string) error {
		if err := likeFile(temp, info); err != nil {
			return err
		}
		now, _, err := readFile(path)
		if err == nil && now != string(before) {
			err = fmt.Errorf("%q was changed by another program meanwhile; try again", path)
		}
		if err != nil {
			return err
		}
		return rename(old, temp, path)
	})
	if errors.Is(err, syscall.EBUSY) {
		err = overwrite(path, before, text)
	}
	return errors.Join(err, syncFolder(filepath.Dir(path)))
}

// overwrite writes into a file that cannot be replaced, and keeps what was in it.
func overwrite(path string, before []byte, text string) error {
	if err := replaceBy(path+".bak", string(before), os.Rename); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
