// Package textfile reads the small files that a user names: configs, scripts, keys and certificates.
//
// A name may stand for a pipe, as in --config <(decrypt config). Reading a pipe without a writer, or a device
// without data, returns an error after Patience, so it cannot block the program forever.
package textfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// Patience is how long ReadAll waits for the content of a pipe or a device.
const Patience = 10 * time.Second

// retry is how often ReadAll checks whether a pipe has a writer.
const retry = 20 * time.Millisecond

// Read returns the content of the file at path: see Open and ReadAll.
func Read(path string, limit int64) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadAll(f, limit)
}

// Open opens the file at path for reading. It does not wait for the other end of a pipe.
func Open(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// ReadAll returns the content of a file that Open opened, which may have at most limit bytes. The
// error matches os.ErrDeadlineExceeded where a pipe or a device had no end within Patience.
func ReadAll(f *os.File, limit int64) ([]byte, error) { return readAll(f, limit, Patience) }

func readAll(f *os.File, limit int64, patience time.Duration) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	in := io.LimitReader(f, limit+1)
	var text []byte
	if info.Mode().IsRegular() || info.IsDir() {
		text, err = io.ReadAll(in)
	} else {
		text, err = readPipe(f, in, time.Now().Add(patience))
	}
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s: larger than %d bytes", f.Name(), limit)
	}
	return text, err
}

// readPipe reads to the end. While nothing has come, an end means that nobody writes yet.
func readPipe(f *os.File, in io.Reader, deadline time.Time) ([]byte, error) {
	if err := f.SetReadDeadline(deadline); err != nil {
		return nil, fmt.Errorf("%q is not a regular file, and reading it could take forever", f.Name())
	}
	for {
		text, err := io.ReadAll(in)
		if err == nil && len(text) == 0 {
			if time.Now().Before(deadline) {
				time.Sleep(retry)
				continue
			}
			err = os.ErrDeadlineExceeded
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = fmt.Errorf("%q is not a regular file, and nothing is written to it: %w", f.Name(), os.ErrDeadlineExceeded)
		}
		return text, err
	}
}
