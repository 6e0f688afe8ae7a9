//go:build !windows

package config

import "os"

// isExposed reports whether users other than the owner may read or write a regular file.
func isExposed(f *os.File) (bool, error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	return info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0, nil
}

// closingCommand returns a command that makes a file private.
func closingCommand(path string) string { return "chmod 600 " + path }

// createPrivate creates a file that only its owner may read.
func createPrivate(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}
