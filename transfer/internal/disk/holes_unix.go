//go:build linux || darwin

package disk

import (
	"io"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Allocated returns how much space a file uses on its disk.
func Allocated(fi fs.FileInfo) int64 {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return int64(st.Blocks) * 512
	}
	return fi.Size()
}

// NextData returns the offset of the first data in f at or after off, or io.EOF if there is none. If the disk
// does not report holes, it returns off.
func NextData(f *os.File, off int64) (int64, error) {
	at, err := unix.Seek(int(f.Fd()), off, unix.SEEK_DATA)
	switch err {
	case nil:
		return at, nil
	case unix.ENXIO:
		return 0, io.EOF
	case unix.EINVAL, unix.ENOTSUP:
		return off, nil
	}
	return 0, os.NewSyscallError("lseek", err)
}

// NextHole returns the offset of the first hole in f at or after off. The end of the file counts as a hole.
func NextHole(f *os.File, off int64) (int64, error) {
	at, err := unix.Seek(int(f.Fd()), off, unix.SEEK_HOLE)
	if err == unix.EINVAL || err == unix.ENOTSUP {
		return unix.Seek(int(f.Fd()), 0, io.SeekEnd)
	}
	return at, os.NewSyscallError("lseek", err)
}

// ReadNow reads what is available, and does not wait for more: a read from a virtual file such as in /proc may block.
func ReadNow(f *os.File, b []byte) (n int, err error) {
	c, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	tried := c.Read(func(fd uintptr) bool {
		for {
			if n, err = unix.Read(int(fd), b); err != unix.EINTR {
				return true
			}
		}
	})
	switch {
	case tried != nil:
		return 0, tried
	case err != nil:
		return 0, os.NewSyscallError("read", err)
	case n == 0 && len(b) > 0:
		return 0, io.EOF
	}
	return n, nil
}
