package cmd

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/urfave/cli/v2"

	"p2ptool/internal/config"
	"p2ptool/p2p"
	"p2ptool/p2p/identity"
)

// knownServers is the state file with the first key of each server, one "host:port key" a
// line.
const knownServers = "known_servers"

// trust accepts and stores the key of an unknown server, and reports that as added. A known
// server must have the same key, else the error wraps p2p.ErrServerKey.
func (d stateDir) trust(addr string, key identity.PublicKey) (added bool, err error) {
	err = d.change(func() error {
		lines, err := d.servers()
		if err != nil {
			return err
		}
		known, ok := keyIn(lines, addr)
		switch {
		case ok && known == key.String():
			return nil
		case ok:
			return hint(as(p2p.ErrServerKey, fmt.Errorf("server %q has the key %s, but had %s before", addr, key, known)),
				"if the server was reinstalled, run `p2ptool forget-server %s`", addr)
		}
		added = true
		return d.write(knownServers, strings.Join(append(lines, addr+" "+key.String()), "\n")+"\n")
	})
	return added, err
}

// forget removes a server, and reports whether it was there.
func (d stateDir) forget(addr string) (found bool, err error) {
	err = d.change(func() error {
		lines, err := d.servers()
		if err != nil {
			return err
		}
		var kept strings.Builder
		for _, line := range lines {
			if strings.HasPrefix(line, addr+" ") {
				found = true
				continue
			}
			kept.WriteString(line + "\n")
		}
		return d.write(knownServers, kept.String())
	})
	return found, err
}

// servers returns the lines of the file.
func (d stateDir) servers() ([]string, error) {
	text, err := d.read(knownServers)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), nil
}

func keyIn(lines []string, addr string) (string, bool) {
	for _, line := range lines {
		if key, ok := strings.CutPrefix(line, addr+" "); ok {
			return strings.TrimSpace(key), true
		}
	}
	return "", false
}

func (p *program) forgetServerCommand() *cli.Command {
	return &cli.Command{
		Name:        "forget-server",
		Usage:       "forget a server's key, and trust the key that it has next time",
		ArgsUsage:   "HOST[:PORT]",
		Description: about("p2ptool forget-server rendezvous.example.org", ""),
		Action:      p.forgetServer,
	}
}

func (p *program) forgetServer(c *cli.Context) error {
	if err := arguments(c, 1, 1); err != nil {
		return err
	}
	addr, err := config.ParseServer(c.Args().First())
	if err != nil {
		return as(errUsage, err)
	}
	dir, err := p.state()
	if err != nil {
		return err
	}
	found, err := dir.forget(string(addr))
	if err == nil && !found {
		err = usage("the key of server %q is not known", addr)
	}
	return err
}
