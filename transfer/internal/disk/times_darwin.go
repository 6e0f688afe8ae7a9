package disk

import (
	"os"
	"time"
)

const utimeOmit = -2 // UTIME_OMIT of <sys/stat.h>

// SetFileTime sets the modification time of f, the file name below root.
func SetFileTime(root *os.Root, name string, _ *os.File, mtime time.Time) error {
	return SetTime(root, name, mtime)
}
