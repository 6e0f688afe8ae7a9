package transfer

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// errTwin says that a file would replace another one that the same transfer delivered.
var errTwin = errors.New("its name is that of another file of this transfer")

// delivered holds the names that a transfer has given to files, so that none of its files replaces another one:
// two with the same name, or with different names that are the same on this disk. The zero value is empty.
type delivered map[string]string // by folded name

func (d *delivered) add(local string) {
	if *d == nil {
		*d = make(delivered)
	}
	(*d)[folded(local)] = local
}

// isTwin reports whether the file with the name local is one that this transfer delivered.
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

// folded returns the same string for names that some disk treats as the same: by case or by Unicode form.
func folded(local string) string { return strings.ToLower(norm.NFC.String(local)) }
