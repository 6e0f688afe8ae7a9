//go:build linux || darwin

package disk

import (
	"os"
	"path"
	"time"

	"golang.org/x/sys/unix"
)

// timesOf returns the timespecs that set only the modification time. Package os cannot do that for all times: its
// 64 bits of nanoseconds cover only 1678 to 2262.
func timesOf(mtime time.Time) ([]unix.Timespec, error) {
	t, err := unix.TimeToTimespec(mtime)
	return []unix.Timespec{{Nsec: utimeOmit}, t}, err
}

// SetTime sets the modification time of the file name below root. It does not follow a link there.
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
