//go:build !linux && !darwin

package disk

import "io/fs"

// ChangeTime returns when a file or its metadata changed, in nanoseconds; 0: not known.
func ChangeTime(fs.FileInfo) int64 { return 0 }
