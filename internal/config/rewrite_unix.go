//go:build unix

package config

import (
	"errors"
	"os"
	"syscall"
)

// likeFile gives a new file the mode and the owner of another.
func likeFile(path string, old os.FileInfo) error {
	if stat, ok := old.Sys().(*syscall.Stat_t); ok {
		if err := os.Lchown(path, int(stat.Uid), int(stat.Gid)); err != nil {
			return err
		}
	}
	return os.Chmod(path, old.Mode().Perm())
}

// rename replaces the file at path, whose lock is held by old.
func rename(_ *os.File, temp, path string) error { return os.Rename(temp, path) }

// syncFolder has a new name survive a power cut.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
