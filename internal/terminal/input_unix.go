//go:build unix

package terminal

import (
	"errors"
	"io/fs"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// An input reads from a terminal and can be told to stop, which a plain Read
// of one cannot.
type input struct {
	f          *os.File
	stop, wake *os.File // a pipe: stop becomes readable when wake is closed
	once       sync.Once
}

// newInput does not take f over: closing the input leaves it open.
func newInput(f *os.File) (*input, error) {
	stop, wake, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &input{f: f, stop: stop, wake: wake}, nil
}

// Read reads from the terminal. After cancel it returns fs.ErrClosed.
func (in *input) Read(b []byte) (int, error) {
	for {
		fds := []unix.PollFd{
			{Fd: int32(in.f.Fd()), Events: unix.POLLIN},
			{Fd: int32(in.stop.Fd()), Events: unix.POLLIN},
		}
		_, err := unix.Poll(fds, -1)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return 0, err
		case fds[1].Revents != 0:
			return 0, fs.ErrClosed
		}
		return in.f.Read(b)
	}
}

// cancel ends a Read, now or later. It reports true: no Read stays behind.
func (in *input) cancel() bool {
	in.once.Do(func() { in.wake.Close() })
	return true
}

// close gives back what newInput took. No Read may be under way.
func (in *input) close() {
	in.cancel()
	in.stop.Close()
}
