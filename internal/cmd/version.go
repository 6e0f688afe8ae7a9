package cmd

import (
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

func (p *program) versionCommand() *cli.Command {
	return &cli.Command{
		Name:        "version",
		Usage:       "print the version",
		Description: about("p2ptool version", ""),
		Action:      p.version,
	}
}

func (p *program) version(c *cli.Context) error {
	if err := arguments(c, 0, 0); err != nil {
		return err
	}
	p.out.payload("p2ptool %s %s %s/%s", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	p.out.event(versionEvent{version(), runtime.Version()})
	return nil
}

// version returns the module's version, which the Go command takes from the repository.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
