//go:build !linux && !darwin

package disk

import (
	"io/fs"
	"time"
)

// ChangeTime returns when a file or its metadata changed; zero: not known.
func ChangeTime(fs.FileInfo) time.Time { return time.Time{} }
