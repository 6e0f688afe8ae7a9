package disk

import (
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const utimeOmit = unix.UTIME_OMIT

// setFileTime sets the modification time of an open file.
func setFileTime(fd int, mtime time.Time) error {
	times, err := timesOf(mtime)
	if err != nil {
		return err
	}
	if err = unix.UtimesNanoAt(fd, "", times, unix.AT_EMPTY_PATH); err != nil { // Linux before 5.8
		err = unix.UtimesNanoAt(unix.AT_FDCWD, fdPath(fd), times, 0)
	}
	return err
}

// fdPath returns a path to an open file.
func fdPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// SetFileTime sets the modification time of f, the file name below root.
func SetFileTime(_ *os.Root, _ string, f *os.File, mtime time.Time) error {
	return os.NewSyscallError("utimensat", setFileTime(int(f.Fd()), mtime))
}
