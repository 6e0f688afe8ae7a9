package disk

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// firstReporting is the first version of Linux whose syncfs(2) reports data that could not
// be written.
const firstReporting = "5.8"

// wholes are the file systems on which syncfs(2) is known to make everything durable that a
// sync of each file would, and to report errors.
var wholes = []int64{unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC, unix.TMPFS_MAGIC}

// A Whole is a disk that can be synced as a whole.
type Whole struct{ f *os.File }

// OpenWhole returns the disk of root, or errors.ErrUnsupported if its files must be synced one
// by one. Sync reports write errors from now on.
func OpenWhole(root *os.Root) (*Whole, error) {
	f, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	var st unix.Statfs_t
	var name unix.Utsname
	if unix.Fstatfs(int(f.Fd()), &st) != nil || unix.Uname(&name) != nil ||
		!slices.Contains(wholes, int64(st.Type)) || !atLeast(unix.ByteSliceToString(name.Release[:]), firstReporting) {
		f.Close()
		return nil, errors.ErrUnsupported
	}
	return &Whole{f}, nil
}

// atLeast reports whether version is at least least. It compares the first two numbers.
func atLeast(version, least string) bool {
	a, b := numbers(version), numbers(least)
	return slices.Compare(a[:], b[:]) >= 0
}

func numbers(version string) (n [2]int) {
	for i, s := range strings.SplitN(version, ".", 3) {
		if i < len(n) {
			n[i], _ = strconv.Atoi(strings.TrimRight(s, "-+abcdefghijklmnopqrstuvwxyz"))
		}
	}
	return n
}

// Sync makes everything on the disk durable, including other programs' writes.
func (w *Whole) Sync() error {
	_, err := retry(func() (int, error) { return 0, unix.Syncfs(int(w.f.Fd())) })
	return os.NewSyscallError("syncfs", err)
}

// Close closes the disk.
func (w *Whole) Close() { w.f.Close() }
