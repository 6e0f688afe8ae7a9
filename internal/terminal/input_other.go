//go:build !unix

package terminal

import (
	"io/fs"
	"os"
	"sync/atomic"
	"time"
)

// An input reads from a terminal. A Read cannot be interrupted here: it blocks until a key is
// pressed or the process ends.
type input struct {
	f       *os.File
	stopped atomic.Bool
	rest    []byte // read by poll
	buf     [4096]byte
}

// newInput returns an input on f. Closing it does not close f.
func newInput(f *os.File) (*input, error) { return &input{f: f}, nil }

// Read reads from the terminal. After cancel it returns fs.ErrClosed.
func (in *input) Read(b []byte) (int, error) {
	if err := in.poll(0); err != nil {
		return 0, err
	}
	return in.readAvailable(b)
}

// readAvailable returns input that poll has found.
func (in *input) readAvailable(b []byte) (int, error) {
	n := copy(b, in.rest)
	in.rest = in.rest[n:]
	return n, nil
}

// poll returns nil when there is input, and fs.ErrClosed after cancel. It has no time limit.
func (in *input) poll(time.Duration) error {
	if len(in.rest) > 0 {
		return nil
	}
	if in.stopped.Load() {
		return fs.ErrClosed
	}
	n, err := in.f.Read(in.buf[:])
	in.rest = in.buf[:n]
	if in.stopped.Load() {
		return fs.ErrClosed
	}
	return err
}

// cancel makes later Reads fail. It returns false: a Read that has begun continues.
func (in *input) cancel() bool {
	in.stopped.Store(true)
	return false
}

func (in *input) close() { in.cancel() }
