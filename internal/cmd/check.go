package cmd

import (
	"github.com/urfave/cli/v2"

	"p2ptool/internal/config"
)

func (p *program) checkCommand() *cli.Command {
	return &cli.Command{
		Name:   "check",
		Usage:  "check the config, and tell what is wrong with it",
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
		if cfg, err = p.identity(c); err != nil {
			return err
		}
	}
	p.out.note("%s is in order", cfg.File())
	p.out.event(checkedEvent{cfg.File(), string(cfg.Mode)})
	return nil
}
