package disk

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// firstTold is the version of Linux since which syncfs(2) tells of data that
// could not be written.
const firstTold = "5.8"

// wholes are the kinds of disks of which it is known that syncfs(2) makes all last that a
// sync of each file would, and tells what went wrong with it.
var wholes = []int64{unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC, unix.TMPFS_MAGIC}

// A Whole is a disk that can be synced at once.
type Whole struct{ f *os.File }

// OpenWhole returns the disk of root: errors.ErrUnsupported where its files have to be
// synced one by one. What fails to be written from now on is told by Sync.
func OpenWhole(root *os.Root) (*Whole, error) {
	f, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	var st unix.Statfs_t
	var name unix.Utsname
	if unix.Fstatfs(int(f.Fd()), &st) != nil || unix.Uname(&name) != nil ||
		!slices.Contains(wholes, int64(st.Type)) || !atLeast(unix.ByteSliceToString(name.Release[:]), firstTold) {
		f.Close()
		return nil, errors.ErrUnsupported
	}
	return &Whole{f}, nil
}

// atLeast compares the two first numbers of versions.
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

// Sync makes all that is on the disk last, whoever wrote it.
func (w *Whole) Sync() error {
	_, err := retry(func() (int, error) { return 0, unix.Syncfs(int(w.f.Fd())) })
	return os.NewSyscallError("syncfs", err)
}

// Close closes the disk.
func (w *Whole) Close() { w.f.Close() }
