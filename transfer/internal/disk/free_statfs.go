//go:build linux || darwin || freebsd || dragonfly

package disk

import (
	"math"

	"golang.org/x/sys/unix"
)

func freeOf(fd int) (bytes, files int64, ok bool) {
	var st unix.Statfs_t
	if unix.Fstatfs(fd, &st) != nil || st.Blocks == 0 {
		return 0, 0, false
	}
	files = int64(st.Ffree)
	if st.Files == 0 { // the disk creates inodes as needed
		files = math.MaxInt64
	}
	return int64(st.Bavail) * int64(st.Bsize), files, true
}
