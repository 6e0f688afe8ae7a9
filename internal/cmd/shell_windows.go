package cmd

import (
	"cmp"
	"context"
	"os"
	"os/exec"
	"syscall"
)

// shellCommand runs a command line in the system's shell. When ctx ends, the shell is killed:
// Windows has no signal for it.
func shellCommand(ctx context.Context, line string) *exec.Cmd {
	c := exec.CommandContext(ctx, cmp.Or(os.Getenv("ComSpec"), "cmd.exe"))
	// With /S, cmd runs the line between the outer quotes unchanged. Package exec would quote it for
	// programs with other rules.
	c.SysProcAttr = &syscall.SysProcAttr{CmdLine: `cmd.exe /D /S /C "` + line + `"`}
	return c
}
