package disk

import (
	"io/fs"
	"syscall"
)

// ChangeTime returns when a file or its metadata changed, in nanoseconds; 0: not known.
func ChangeTime(fi fs.FileInfo) int64 {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return st.Ctimespec.Nano()
	}
	return 0
}
