package cmd

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"p2ptool/internal/config"
	"p2ptool/p2p/identity"
)

func (p *program) initCommand() *cli.Command {
	return &cli.Command{
		Name:  "init",
		Usage: "write a config with a new key, and print your GUID",
		Description: about("p2ptool init --server rendezvous.example.org --name ann\n"+
			"p2ptool init --config ./p2ptool.toml     # write to another place than ~/.config/p2ptool", ""),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "server", Usage: "use the rendezvous server at `HOST[:PORT]`; the default port is 3478"},
			&cli.StringFlag{Name: "name", Usage: "the `NAME` that others see in the list of peers"},
			&cli.BoolFlag{Name: "force", Usage: "replace an existing config; its key is lost"},
		},
		Action: p.init,
	}
}

func (p *program) init(c *cli.Context) error {
	if err := arguments(c, 0, 0); err != nil {
		return err
	}
	path, err := p.initPath(c.String("config"))
	if err != nil {
		return err
	}
	values, err := initValues(c.String("server"), c.String("name"))
	if err != nil {
		return err
	}
	key, err := identity.GenerateKey()
	if err != nil {
		return err
	}
	values["secret_key"] = key.Reveal()
	text, err := config.Fill(p.env.Example, values)
	if err != nil {
		return err
	}
	if err := writeConfig(path, text, c.Bool("force")); err != nil {
		return err
	}
	p.out.note("wrote %s; next: p2ptool receive, or p2ptool send FILE --to GUID", path)
	p.out.payload("%s", key.GUID())
	p.out.event(idEvent{key.GUID().String(), path})
	return nil
}

// initPath returns the file to write: the one that a flag or the environment names, else the
// user's config.
func (p *program) initPath(flag string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	if path := p.env.Getenv("P2PTOOL_CONFIG"); path != "" {
		return path, nil
	}
	path, err := config.UserFile(p.env.Getenv)
	if err != nil {
		return "", as(errUsage, err)
	}
	return path, nil
}

// initValues checks the flags and returns them by config key.
func initValues(server, name string) (map[string]string, error) {
	values := make(map[string]string)
	if server != "" {
		a, err := config.ParseServer(server)
		if err != nil {
			return nil, usage("--server: %w", err)
		}
		values["peer.server"] = string(a)
	}
	if name != "" {
		n, err := config.ParseName(name)
		if err != nil {
			return nil, usage("--name: %w", err)
		}
		values["peer.name"] = string(n)
	}
	return values, nil
}

func writeConfig(path, text string, force bool) error {
	err := config.WriteFile(path, text, force)
	if errors.Is(err, fs.ErrExist) {
		if abs, err := filepath.Abs(path); err == nil {
			path = abs
		}
		return hint(usage("%q exists already", path), "--force replaces it; its key, and so your GUID, is lost")
	}
	return err
}
