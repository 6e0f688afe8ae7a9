//go:build linux || darwin || freebsd || openbsd || netbsd || dragonfly

package disk

import (
	"errors"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// FileLimit returns how many files this process may have open, and how many it has open. The Go runtime has already
// raised the limit to its maximum.
func FileLimit() (limit, open int) {
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) != nil {
		return math.MaxInt32, 0
	}
	limit = int(min(uint64(r.Cur), math.MaxInt32))
	dir, err := os.Open("/dev/fd")
	if err != nil {
		return limit, limit / 4 // a guess
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(limit)
	return limit, max(0, len(names)-1)
}

// OutOfFiles reports whether err says that the process or the system cannot open more files.
func OutOfFiles(err error) bool { return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) }
