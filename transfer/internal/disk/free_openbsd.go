package disk

import (
	"math"

	"golang.org/x/sys/unix"
)

func freeOf(fd int) (bytes, files int64, ok bool) {
	var st unix.Statfs_t
	if unix.Fstatfs(fd, &st) != nil || st.F_blocks == 0 {
		return 0, 0, false
	}
	files = st.F_favail
	if st.F_files == 0 { // the disk creates inodes as needed
		files = math.MaxInt64
	}
	return st.F_bavail * int64(st.F_bsize), files, true
}
