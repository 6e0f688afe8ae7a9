//go:build !windows

package config

import "os"

// isExposed reports whether others than the owner may read or write a file. One that is no regular file, as
// a pipe, is nobody's to protect.
func isExposed(f *os.File) (bool, error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	return info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0, nil
}

// closingCommand is what to run so that others cannot read a file.
func closingCommand(path string) string { return "chmod 600 " + path }

// createPrivate makes a file that its owner alone may read.
func createPrivate(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}
