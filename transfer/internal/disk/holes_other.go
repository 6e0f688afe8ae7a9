//go:build !linux && !darwin

package disk

import (
	"io"
	"io/fs"
	"os"
)

// Allocated returns how much room a file takes on its disk.
func Allocated(fi fs.FileInfo) int64 { return fi.Size() }

// NextData returns where in f data begins, at an offset or behind it; io.EOF: nowhere. Here that is the offset.
func NextData(_ *os.File, off int64) (int64, error) { return off, nil }

// NextHole returns where in f the next hole begins, at an offset with data or behind it. The end of the file is one.
func NextHole(f *os.File, _ int64) (int64, error) { return f.Seek(0, io.SeekEnd) }

// ReadNow reads what is there.
func ReadNow(f *os.File, b []byte) (int, error) { return f.Read(b) }
