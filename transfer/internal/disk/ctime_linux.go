package disk

import (
	"io/fs"
	"syscall"
	"time"
)

// ChangeTime returns when a file or its metadata last changed, or zero if that is not known.
func ChangeTime(fi fs.FileInfo) time.Time {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return time.Unix(int64(st.Ctim.Sec), int64(st.Ctim.Nsec))
	}
	return time.Time{}
}
