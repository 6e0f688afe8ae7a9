//go:build !windows

package cmd

import (
	"context"
	"os"
	"os/exec"
)

// shellCommand runs a command line in the system's shell. When ctx ends, the shell receives an
// interrupt.
func shellCommand(ctx context.Context, line string) *exec.Cmd {
	c := exec.CommandContext(ctx, "sh", "-c", line)
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	return c
}
