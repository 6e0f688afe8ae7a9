//go:build unix

package terminal

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// An input reads from a terminal. Unlike a plain Read it can be interrupted.
type input struct {
	f          *os.File
	stop, wake *os.File // a pipe: stop becomes readable when wake is closed
	once       sync.Once
}

// newInput returns an input on f. Closing it does not close f.
func newInput(f *os.File) (*input, error) {
	stop, wake, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &input{f: f, stop: stop, wake: wake}, nil
}

// foregroundEvery is how often a background process checks whether it is in the foreground again:
// there is no signal for that.
const foregroundEvery = 200 * time.Millisecond

// Read reads from the terminal. After cancel it returns fs.ErrClosed. In the background it waits:
// the input is for another process, and reading would stop this one.
func (in *input) Read(b []byte) (int, error) {
	for {
		switch err := in.poll(0); err {
		case nil:
			return in.readAvailable(b)
		case errBackground:
		default:
			return 0, err
		}
	}
}

// readAvailable reads input that poll has found.
func (in *input) readAvailable(b []byte) (int, error) { return in.f.Read(b) }

// poll returns nil when there is input, errNoInput when there is none for the limit (0: no limit),
// errBackground regularly in the background, and fs.ErrClosed after cancel.
func (in *input) poll(limit time.Duration) error {
	foreground := Foreground(in.f)
	fds := []unix.PollFd{
		{Fd: int32(in.stop.Fd()), Events: unix.POLLIN},
		{Fd: int32(in.f.Fd()), Events: unix.POLLIN},
	}
	if !foreground {
		fds, limit = fds[:1], foregroundEvery
	}
	timeout := -1
	if limit > 0 {
		timeout = int(limit.Milliseconds())
	}
	_, err := unix.Poll(fds, timeout)
	switch {
	case errors.Is(err, unix.EINTR):
		return in.poll(limit)
	case err != nil:
		return err
	case fds[0].Revents != 0:
		return fs.ErrClosed
	case !foreground, !Foreground(in.f):
		return errBackground
	case fds[1].Revents == 0:
		return errNoInput
	}
	return nil
}

// cancel interrupts the current and later Reads. It returns true: no Read stays blocked.
func (in *input) cancel() bool {
	in.once.Do(func() { in.wake.Close() })
	return true
}

// close releases the resources of newInput. No Read may be running.
func (in *input) close() {
	in.cancel()
	in.stop.Close()
}
