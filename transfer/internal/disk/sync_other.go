//go:build !linux && !darwin

package disk

import "os"

// SyncData makes the data of f durable.
func SyncData(f *os.File) error { return f.Sync() }

// SyncFile makes f durable, with its metadata.
func SyncFile(f *os.File) error { return f.Sync() }

// FlushDrive does nothing: what is synced is durable.
func FlushDrive(*os.Root) error { return nil }
