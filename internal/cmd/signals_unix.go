//go:build unix

package cmd

import (
	"os/signal"
	"syscall"
)

// ignoreTerminalStops keeps the kernel from stopping a background process that writes to a
// terminal with `stty tostop`, so that a transfer continues. Code that changes the terminal's
// state checks first that the process is in the foreground.
func ignoreTerminalStops() { signal.Ignore(syscall.SIGTTOU) }
