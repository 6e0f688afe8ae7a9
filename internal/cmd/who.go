package cmd

import (
	"errors"
	"fmt"

	"p2ptool/internal/config"
	"p2ptool/p2p"
)

// target resolves WHO on the command line.
func target(cfg *config.Config, who string) (config.Target, error) {
	t, err := cfg.Target(who)
	switch {
	case errors.Is(err, config.ErrNoContact):
		return t, hint(err, "use the peer's GUID, which `p2ptool id` prints on its machine, or add a contact to the config")
	case err != nil:
		return t, as(errUsage, err)
	case t.GUID == cfg.GUID():
		return t, hint(fmt.Errorf("%q: %w", who, p2p.ErrOwnGUID), "use the other peer's GUID, which `p2ptool id` prints on its machine")
	case t.Addr == "" && cfg.Peer.Server == "" && !cfg.Peer.LAN:
		return t, noServer()
	}
	return t, nil
}

// noServer is the error of a command that needs a server.
func noServer() error {
	return hint(p2p.ErrNotServing, "use --server HOST:PORT, or set server under [peer] in the config")
}

// nameOf returns a peer's name for messages: the contact's name, else the GUID.
func nameOf(cfg *config.Config, guid p2p.GUID) string {
	if name := cfg.ContactName(guid); name != "" {
		return name
	}
	return guid.String()
}
