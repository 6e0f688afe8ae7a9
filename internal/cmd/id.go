package cmd

import "github.com/urfave/cli/v2"

func (p *program) idCommand() *cli.Command {
	return &cli.Command{
		Name:        "id",
		Usage:       "print your own GUID",
		Description: about("p2ptool id     # give this to people who want to reach you", ""),
		Action:      p.id,
	}
}

func (p *program) id(c *cli.Context) error {
	if err := arguments(c, 0, 0); err != nil {
		return err
	}
	cfg, err := p.identity(c)
	if err != nil {
		return err
	}
	p.out.payload("%s", cfg.GUID())
	p.out.event(idEvent{GUID: cfg.GUID().String(), File: cfg.File()})
	return nil
}
