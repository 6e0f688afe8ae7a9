package cmd

import (
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"p2ptool/internal/config"
	"p2ptool/internal/terminal"
	"p2ptool/transfer"
)

func (p *program) checkCommand() *cli.Command {
	return &cli.Command{
		Name:  "check",
		Usage: "check the config, and show where received files go",
		Description: about("p2ptool check\n"+
			"p2ptool check --config server.toml", "It lists all problems with file and line, and exits with 0 or 2."),
		Action: p.check,
	}
}

func (p *program) check(c *cli.Context) error {
	if err := arguments(c, 0, 0); err != nil {
		return err
	}
	cfg, err := p.config(c)
	if err != nil {
		return err
	}
	if cfg.File() == "" || cfg.Mode == config.ModePeer {
		if err := hasKey(cfg); err != nil {
			return err
		}
	}
	p.out.note("%s is valid", cfg.File())
	p.out.event(checkedEvent{cfg.File(), string(cfg.Mode), absolute(cfg.Receive.Dir)})
	if cfg.Mode == config.ModePeer {
		p.showFolders(cfg)
		p.checkUnfinished(cfg)
	}
	return nil
}

// showFolders prints where files go, since the config may have relative paths.
func (p *program) showFolders(cfg *config.Config) {
	p.out.note("received files go to %q", absolute(cfg.Receive.Dir))
	for _, name := range slices.Sorted(maps.Keys(cfg.Contacts)) {
		if dir := cfg.Contacts[name].Dir; dir != "" {
			p.out.note("files from %q go to %q", name, absolute(dir))
		}
	}
}

// absolute returns the absolute path, or the path itself if the working folder is unknown.
func absolute(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	return abs
}

// checkUnfinished prints how much data unfinished transfers hold in the folders of received files.
func (p *program) checkUnfinished(cfg *config.Config) {
	dirs := []string{cfg.Receive.Dir}
	for _, c := range cfg.Contacts {
		if c.Dir != "" {
			dirs = append(dirs, c.Dir)
		}
	}
	slices.Sort(dirs)
	for _, dir := range slices.Compact(dirs) {
		switch u, err := transfer.FindUnfinished(dir); {
		case err != nil:
			p.out.note("cannot receive into %q: %v", dir, err)
		case u.Bytes > 0:
			p.out.note("unfinished transfers hold %s in %q; if not resumed, it is removed after %s", terminal.Bytes(u.Bytes), u.Dir,
				u.Last.Add(transfer.KeepUnfinished).Format(time.DateOnly))
			p.out.event(unfinishedEvent{u.Dir, u.Files, u.Bytes, u.Last.Format(time.RFC3339)})
		}
	}
}
