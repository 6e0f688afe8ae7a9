package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A Nameless is a file without a name. It disappears with the process, unless Link gives it a name.
type Nameless struct{ fd int }

// CanLinkNameless reports whether Link can work. Link needs /proc.
func CanLinkNameless() bool {
	_, err := os.Stat("/proc/self/fd")
	return err == nil
}

// NewNameless makes a file on the disk of the folder, to be linked there. The error is
// errors.ErrUnsupported if the disk cannot do that.
func (d *Folder) NewNameless() (*Nameless, error) {
	const flags = unix.O_TMPFILE | unix.O_RDWR | unix.O_CLOEXEC
	fd, err := retry(func() (int, error) { return unix.Openat(int(d.f.Fd()), ".", flags, 0o600) })
	switch {
	case err == unix.EOPNOTSUPP || err == unix.EISDIR || err == unix.EINVAL:
		return nil, errors.ErrUnsupported
	case err != nil:
		return nil, &os.PathError{Op: "open", Path: d.f.Name(), Err: err}
	}
	return &Nameless{fd}, nil
}

// WriteAt writes all of b.
func (n *Nameless) WriteAt(b []byte, off int64) (done int, err error) {
	for done < len(b) {
		m, err := retry(func() (int, error) { return unix.Pwrite(n.fd, b[done:], off+int64(done)) })
		if err != nil {
			return done, os.NewSyscallError("write", err)
		}
		done += m
	}
	return done, nil
}

// ReadAt implements io.ReaderAt.
func (n *Nameless) ReadAt(b []byte, off int64) (done int, err error) {
	for done < len(b) {
		m, err := retry(func() (int, error) { return unix.Pread(n.fd, b[done:], off+int64(done)) })
		switch {
		case err != nil:
			return done, os.NewSyscallError("read", err)
		case m == 0:
			return done, io.EOF
		}
		done += m
	}
	return done, nil
}

// Dress gives the file permissions and a modification time, if the disk supports them.
func (n *Nameless) Dress(mode fs.FileMode, mtime time.Time) {
	_ = unix.Fchmod(n.fd, uint32(mode.Perm()))
	_ = setFileTime(n.fd, mtime)
}

// State returns the file's inode and modification time.
func (n *Nameless) State() (inode uint64, mtime time.Time, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(n.fd, &st); err != nil {
		return 0, time.Time{}, os.NewSyscallError("fstat", err)
	}
	return st.Ino, time.Unix(int64(st.Mtim.Sec), int64(st.Mtim.Nsec)), nil
}

// Sync makes the file durable, once it has a name.
func (n *Nameless) Sync() error {
	_, err := retry(func() (int, error) { return 0, unix.Fsync(n.fd) })
	return os.NewSyscallError("fsync", err)
}

// Link gives the file a name in the folder. It never replaces a file: if the name is taken, the error is fs.ErrExist.
func (n *Nameless) Link(d *Folder, name string) error {
	if name == "" || strings.Contains(name, "/") {
		return fmt.Errorf("%q is no name", name)
	}
	err := unix.Linkat(unix.AT_FDCWD, n.path(), int(d.f.Fd()), name, unix.AT_SYMLINK_FOLLOW)
	if err != nil {
		return &os.LinkError{Op: "link", Old: "(nameless)", New: name, Err: err}
	}
	return nil
}

func (n *Nameless) path() string { return fdPath(n.fd) }

// Close closes the file. If it has no name, it disappears.
func (n *Nameless) Close() { unix.Close(n.fd) }

func retry(call func() (int, error)) (int, error) {
	for {
		if n, err := call(); err != unix.EINTR {
			return n, err
		}
	}
}
