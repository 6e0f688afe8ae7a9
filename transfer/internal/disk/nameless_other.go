//go:build !linux

package disk

import (
	"errors"
	"io/fs"
	"time"
)

// A Nameless is a file without a name, which this system does not support.
type Nameless struct{}

// CanLinkNameless returns false.
func CanLinkNameless() bool { return false }

// NewNameless returns errors.ErrUnsupported.
func (*Folder) NewNameless() (*Nameless, error) { return nil, errors.ErrUnsupported }

func (*Nameless) WriteAt([]byte, int64) (int, error) { return 0, errors.ErrUnsupported }
func (*Nameless) ReadAt([]byte, int64) (int, error)  { return 0, errors.ErrUnsupported }
func (*Nameless) Dress(fs.FileMode, time.Time)       {}
func (*Nameless) State() (uint64, time.Time, error)  { return 0, time.Time{}, errors.ErrUnsupported }
func (*Nameless) Sync() error                        { return errors.ErrUnsupported }
func (*Nameless) Link(*Folder, string) error         { return errors.ErrUnsupported }
func (*Nameless) Close()                             {}
