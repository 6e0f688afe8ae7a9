package disk

import (
	"encoding/binary"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// The format of an ACL is that of linux/posix_acl_xattr.h: a version, 4 bytes, and for each entry
// a tag, 2; permissions, 2; id, 4. All are little-endian.
const (
	aclHead  = 4
	aclEntry = 8

	aclOwner = 0x01
	aclGroup = 0x04
	aclMask  = 0x10
	aclOther = 0x20

	maxACL = 64 << 10
)

// defaultACL returns the ACL that files in a folder inherit. nil means none.
func defaultACL(dir *os.File) []byte {
	const name = "system.posix_acl_default"
	n, err := unix.Fgetxattr(int(dir.Fd()), name, nil)
	if err != nil || n > maxACL || n < aclHead || n%aclEntry != aclHead {
		return nil
	}
	acl := make([]byte, n)
	if m, err := unix.Fgetxattr(int(dir.Fd()), name, acl); err != nil || m != n {
		return nil
	}
	return acl
}

// granted returns the most permissions that a default ACL gives to a file. If the ACL has a mask, it replaces
// the group's permissions.
func granted(acl []byte) (mode fs.FileMode) {
	var group fs.FileMode
	masked := false
	for tag, perm := range entries(acl) {
		switch tag {
		case aclOwner:
			mode |= perm << 6
		case aclGroup:
			if !masked {
				group = perm
			}
		case aclMask:
			group, masked = perm, true
		case aclOther:
			mode |= perm
		}
	}
	return mode | group<<3
}

func entries(acl []byte) func(yield func(tag uint16, perm fs.FileMode) bool) {
	return func(yield func(uint16, fs.FileMode) bool) {
		for b := acl[aclHead:]; len(b) >= aclEntry; b = b[aclEntry:] {
			if !yield(binary.LittleEndian.Uint16(b), fs.FileMode(binary.LittleEndian.Uint16(b[2:]))&7) {
				return
			}
		}
	}
}

// setACL gives f the inherited ACL, or none. Setting the mode afterwards masks it.
func setACL(f *os.File, acl []byte) {
	const name = "system.posix_acl_access"
	if acl == nil {
		_ = unix.Fremovexattr(int(f.Fd()), name)
	} else {
		_ = unix.Fsetxattr(int(f.Fd()), name, acl, 0)
	}
}
