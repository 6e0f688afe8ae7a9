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

// foregroundEvery is how often a process in the background looks whether it is in the
// foreground again: no signal tells.
const foregroundEvery = 200 // milliseconds

// Read reads from the terminal. After cancel it returns fs.ErrClosed. In the background
// it waits: what is typed there is for another process, and reading would
// stop this one.
func (in *input) Read(b []byte) (int, error) {
	if err := in.wait(); err != nil {
		return 0, err
	}
	return in.f.Read(b)
}

// wait returns when there is something to read, with nil, or after cancel, with fs.ErrClosed.
func (in *input) wait() error {
	for {
		fds := []unix.PollFd{
			{Fd: int32(in.stop.Fd()), Events: unix.POLLIN},
			{Fd: int32(in.f.Fd()), Events: unix.POLLIN},
		}
		timeout := -1
		if !Foreground(in.f) {
			fds, timeout = fds[:1], foregroundEvery
		}
		_, err := unix.Poll(fds, timeout)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		case fds[0].Revents != 0:
			return fs.ErrClosed
		case len(fds) > 1 && fds[1].Revents != 0 && Foreground(in.f):
			return nil
		}
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
