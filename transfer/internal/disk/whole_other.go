//go:build !linux

package disk

import (
	"errors"
	"os"
)

// A Whole is a disk that can be synced as a whole, which this system does not support.
type Whole struct{}

// OpenWhole returns errors.ErrUnsupported.
func OpenWhole(*os.Root) (*Whole, error) { return nil, errors.ErrUnsupported }

func (*Whole) Sync() error { return errors.ErrUnsupported }
func (*Whole) Close()      {}
