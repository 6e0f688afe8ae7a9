package disk

import (
	"math"

	"golang.org/x/sys/unix"
)

func freeOf(fd int) (bytes, files int64, ok bool) {
	var st unix.Statvfs_t
	if unix.Fstatvfs(fd, &st) != nil || st.Blocks == 0 {
		return 0, 0, false
	}
	files = int64(st.Favail)
	if st.Files == 0 { // the disk creates inodes as needed
		files = math.MaxInt64
	}
	return int64(st.Bavail) * int64(st.Frsize), files, true
}
