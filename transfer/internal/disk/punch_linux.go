package disk

import (
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// punch makes a hole in f.
func punch(f *os.File, off, n int64) error {
	return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
}

// virtuals are the kernel's virtual file systems, whose files report wrong sizes.
var virtuals = []int64{unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.DEBUGFS_MAGIC, unix.TRACEFS_MAGIC,
	unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC, unix.SECURITYFS_MAGIC, configfsMagic}

const configfsMagic = 0x62656570

// IsVirtual reports whether f is on a virtual file system, where sizes mean nothing.
func IsVirtual(f *os.File) bool {
	var st unix.Statfs_t
	return unix.Fstatfs(int(f.Fd()), &st) == nil && slices.Contains(virtuals, int64(st.Type))
}
