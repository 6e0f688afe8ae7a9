//go:build !linux && !darwin

package disk

import (
	"io"
	"io/fs"
	"os"
)

// Allocated returns the file's size: the allocated space is not known here.
func Allocated(fi fs.FileInfo) int64 { return fi.Size() }

// NextData returns off: holes are not known here.
func NextData(_ *os.File, off int64) (int64, error) { return off, nil }

// NextHole returns the end of the file: holes are not known here.
func NextHole(f *os.File, _ int64) (int64, error) { return f.Seek(0, io.SeekEnd) }

// ReadNow reads from f.
func ReadNow(f *os.File, b []byte) (int, error) { return f.Read(b) }
