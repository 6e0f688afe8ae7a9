//go:build !linux && !darwin

package disk

import (
	"io/fs"
	"time"
)

// ChangeTime returns zero: the change time is not known here.
func ChangeTime(fs.FileInfo) time.Time { return time.Time{} }
