//go:build linux || darwin || freebsd || openbsd || netbsd || dragonfly

package disk

import (
	"io/fs"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// inheritance is what a new file gets from its folder.
type inheritance struct {
	allowed fs.FileMode // permissions
	gid     int         // -1: the process's group
	acl     []byte      // the default ACL, in Linux's format; nil: none
}

func inheritanceOf(dir *os.File) inheritance {
	r := inheritance{allowed: fs.ModePerm &^ umask(), gid: -1}
	if fi, err := dir.Stat(); err == nil && fi.Mode()&fs.ModeSetgid != 0 {
		r.gid = int(fi.Sys().(*syscall.Stat_t).Gid)
	}
	if acl := defaultACL(dir); acl != nil {
		r.acl, r.allowed = acl, granted(acl)
	}
	return r
}

// umask returns the process's umask. Reading it requires setting it. It sets a strict one, so
// that files made in the meantime are not too open.
var umask = sync.OnceValue(func() fs.FileMode {
	old := unix.Umask(0o077)
	unix.Umask(old)
	return fs.FileMode(old) & fs.ModePerm
})

// Inherit gives a file that was made elsewhere what a file with the mode gets when it is made in the
// folder: its permissions, the folder's group if that is inherited, and the default ACL. It ignores errors, as
// the disk may support none of these.
func (d *Folder) Inherit(f *os.File, mode fs.FileMode) {
	if fi, err := f.Stat(); err == nil && d.rules.gid >= 0 && int(fi.Sys().(*syscall.Stat_t).Gid) != d.rules.gid {
		_ = f.Chown(-1, d.rules.gid)
	}
	setACL(f, d.rules.acl)
	_ = f.Chmod(d.Allowed(mode))
}

// Owned reports whether what fi describes belongs to this process's user.
func Owned(fi fs.FileInfo) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	return !ok || int(st.Uid) == os.Geteuid()
}

// SameOwner reports whether two files have the same owner.
func SameOwner(a, b fs.FileInfo) bool {
	x, ok := a.Sys().(*syscall.Stat_t)
	y, is := b.Sys().(*syscall.Stat_t)
	return !ok || !is || x.Uid == y.Uid
}

// Links returns how many names a file has.
func Links(fi fs.FileInfo) uint64 {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Nlink)
	}
	return 1
}
