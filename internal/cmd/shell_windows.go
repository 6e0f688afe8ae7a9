package cmd

import (
	"cmp"
	"context"
	"os"
	"os/exec"
	"syscall"
)

// shellCommand runs a command line in the system's shell. It ends with ctx: at once, since there
// is no signal to ask it to.
func shellCommand(ctx context.Context, line string) *exec.Cmd {
	c := exec.CommandContext(ctx, cmp.Or(os.Getenv("ComSpec"), "cmd.exe"))
	// With /S cmd takes the line between the outer quotes as it stands. Package exec would quote it
	// as other programs read it, which cmd does not.
	c.SysProcAttr = &syscall.SysProcAttr{CmdLine: `cmd.exe /D /S /C "` + line + `"`}
	return c
}
