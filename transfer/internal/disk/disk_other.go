//go:build !linux

package disk

import (
	"errors"
	"os"
)

func moveNew(*os.Root, string, string) error { return errors.ErrUnsupported }

// SyncData makes what was written to f last.
func SyncData(f *os.File) error { return f.Sync() }

// StartWriting does nothing here.
func StartWriting(*os.File) {}
