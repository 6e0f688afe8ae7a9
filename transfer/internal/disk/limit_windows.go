package disk

import (
	"errors"
	"math"

	"golang.org/x/sys/windows"
)

// FileLimit returns how many files this process may have open, and how many it has. Here nothing bounds them.
func FileLimit() (limit, open int) { return math.MaxInt32, 0 }

// OutOfFiles reports whether err says that no more files can be open.
func OutOfFiles(err error) bool { return errors.Is(err, windows.ERROR_TOO_MANY_OPEN_FILES) }
