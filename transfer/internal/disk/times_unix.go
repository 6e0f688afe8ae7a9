//go:build linux || darwin

package disk

import (
	"os"
	"path"
	"time"

	"golang.org/x/sys/unix"
)

// timesOf is what sets the modification time alone. Package os counts nanoseconds in 64 bits, which
// end in 2262 and begin in 1678.
func timesOf(mtime time.Time) ([]unix.Timespec, error) {
	t, err := unix.TimeToTimespec(mtime)
	return []unix.Timespec{{Nsec: utimeOmit}, t}, err
}

// SetTime sets the modification time of what has the name below root. It follows no link there.
func SetTime(root *os.Root, name string, mtime time.Time) error {
	times, err := timesOf(mtime)
	if err != nil {
		return err
	}
	dir, err := openDir(root, path.Dir(name))
	if err != nil {
		return err
	}
	defer dir.Close()
	err = unix.UtimesNanoAt(int(dir.Fd()), path.Base(name), times, unix.AT_SYMLINK_NOFOLLOW)
	return os.NewSyscallError("utimensat", err)
}
