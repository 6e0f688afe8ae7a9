package cmd

import (
	"errors"
	"io/fs"
	"os"
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
			"p2ptool init --config ./p2ptool.toml     # write to another place than ~/.config/p2ptool",
			"If there is a config already, --server and --name change it; its key and everything else stay."),
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
	if changes := len(values) > 0; changes && !c.Bool("force") {
		switch _, err := os.Lstat(path); {
		case err == nil:
			return p.changeConfig(path, values)
		case !errors.Is(err, fs.ErrNotExist):
			return as(errUsage, err)
		}
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

// changeConfig changes the server or the name in an existing config, and keeps its key.
func (p *program) changeConfig(path string, values map[string]string) error {
	cfg, err := config.Load(path, p.home())
	if err == nil {
		err = hasKey(cfg)
	}
	if err != nil {
		return as(errUsage, err)
	}
	if err := cfg.SetPeer(config.ServerAddress(values["peer.server"]), config.Name(values["peer.name"])); err != nil {
		return err
	}
	p.out.note("changed %s, its key stays; next: p2ptool receive, or p2ptool send FILE --to GUID", path)
	p.out.payload("%s", cfg.GUID())
	p.out.event(idEvent{cfg.GUID().String(), path})
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
		return hint(usage("%q exists already", path), "--server and --name change it; --force replaces it, and its key, and so your GUID, is lost")
	}
	return err
}
