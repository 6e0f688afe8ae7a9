//go:build !linux && !darwin

package disk

import "os"

// SyncData makes what was written to f last.
func SyncData(f *os.File) error { return f.Sync() }

// SyncFile makes f last, with its metadata.
func SyncFile(f *os.File) error { return f.Sync() }

// FlushDrive does nothing: what is synced lasts.
func FlushDrive(*os.Root) error { return nil }
