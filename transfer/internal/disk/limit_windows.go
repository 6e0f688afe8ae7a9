package disk

import (
	"errors"
	"math"

	"golang.org/x/sys/windows"
)

// FileLimit returns how many files this process may have open, and how many it has open. Windows has no limit.
func FileLimit() (limit, open int) { return math.MaxInt32, 0 }

// OutOfFiles reports whether err says that the process cannot open more files.
func OutOfFiles(err error) bool { return errors.Is(err, windows.ERROR_TOO_MANY_OPEN_FILES) }
