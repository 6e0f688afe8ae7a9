//go:build unix

package cmd

import (
	"os/signal"
	"syscall"
)

// ignoreTerminalStops keeps the kernel from stopping a process in the background that
// writes to a terminal with `stty tostop`: a transfer goes on. What changes the terminal's
// state checks first that the process is in the foreground.
func ignoreTerminalStops() { signal.Ignore(syscall.SIGTTOU) }
