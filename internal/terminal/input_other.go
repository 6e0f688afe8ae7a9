//go:build !unix

package terminal

import (
	"io/fs"
	"os"
	"sync/atomic"
	"time"
)

// An input reads from a terminal. Here a Read that has begun cannot be
// stopped: it stays behind until a key is pressed or the process ends.
type input struct {
	f       *os.File
	stopped atomic.Bool
	rest    []byte // was read and not taken
	buf     [4096]byte
}

// newInput does not take f over: closing the input leaves it open.
func newInput(f *os.File) (*input, error) { return &input{f: f}, nil }

// Read reads from the terminal. After cancel it returns fs.ErrClosed.
func (in *input) Read(b []byte) (int, error) {
	if err := in.poll(0); err != nil {
		return 0, err
	}
	return in.take(b)
}

// take reads what poll has found.
func (in *input) take(b []byte) (int, error) {
	n := copy(b, in.rest)
	in.rest = in.rest[n:]
	return n, nil
}

// poll returns nil when there is something to take, and fs.ErrClosed after cancel. It cannot
// give up waiting.
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

// cancel makes later Reads fail. It reports false: one that has begun goes on.
func (in *input) cancel() bool {
	in.stopped.Store(true)
	return false
}

func (in *input) close() { in.cancel() }
