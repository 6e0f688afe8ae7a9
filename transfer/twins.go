package transfer

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// errTwin says that a file would replace one that the same transfer delivered.
var errTwin = errors.New("its name is that of another file of this transfer")

// delivered are the names that a transfer has given to files, so that none of them replaces another: two of one
// name, or two whose names differ, but not on this disk. The zero value is empty.
type delivered map[string]string // by what a disk may take for the same

func (d *delivered) add(local string) {
	if *d == nil {
		*d = make(delivered)
	}
	(*d)[folded(local)] = local
}

// isTwin reports whether what has a name is a file that was delivered.
func (d delivered) isTwin(root *os.Root, local string) bool {
	other, ok := d[folded(local)]
	if !ok {
		return false
	}
	if other == local {
		return true
	}
	a, err := root.Lstat(local)
	if err != nil {
		return false
	}
	b, err := root.Lstat(other)
	return err == nil && os.SameFile(a, b)
}

// folded is the same for names that some disk takes for the same: by case or by the form of an é.
func folded(local string) string { return strings.ToLower(norm.NFC.String(local)) }
