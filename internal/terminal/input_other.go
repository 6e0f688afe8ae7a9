//go:build !unix

package terminal

import (
	"io/fs"
	"os"
	"sync/atomic"
)

// An input reads from a terminal. Here a Read that has begun cannot be
// stopped: it stays behind until a key is pressed or the process ends.
type input struct {
	f       *os.File
	stopped atomic.Bool
}

// newInput does not take f over: closing the input leaves it open.
func newInput(f *os.File) (*input, error) { return &input{f: f}, nil }

// Read reads from the terminal. After cancel it returns fs.ErrClosed.
func (in *input) Read(b []byte) (int, error) {
	if in.stopped.Load() {
		return 0, fs.ErrClosed
	}
	n, err := in.f.Read(b)
	if in.stopped.Load() {
		return 0, fs.ErrClosed
	}
	return n, err
}

// cancel makes later Reads fail. It reports false: one that has begun goes on.
func (in *input) cancel() bool {
	in.stopped.Store(true)
	return false
}

func (in *input) close() { in.cancel() }
