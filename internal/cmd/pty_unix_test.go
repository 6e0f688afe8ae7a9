//go:build unix

package cmd

import (
	"os"
	"os/exec"
	"syscall"

	"github.com/creack/pty"
)

// startOnTerminal starts a command on a terminal of its own and returns the terminal's other side.
// Closing that file ends a blocked Read, unlike closing the pty package's own.
func startOnTerminal(c *exec.Cmd) (*os.File, error) {
	f, err := pty.StartWithSize(c, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		return nil, err
	}
	syscall.CloseOnExec(fd)
	if err := syscall.SetNonblock(fd, true); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}
