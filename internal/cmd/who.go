package cmd

import (
	"errors"
	"fmt"

	"p2ptool/internal/config"
	"p2ptool/p2p"
)

// target finds out who is meant by WHO on the command line.
func target(cfg *config.Config, who string) (config.Target, error) {
	t, err := cfg.Target(who)
	switch {
	case errors.Is(err, config.ErrNoContact):
		return t, hint(err, "give a GUID, which `p2ptool id` prints there, or add a contact to the config")
	case err != nil:
		return t, as(errUsage, err)
	case t.GUID == cfg.GUID():
		return t, hint(fmt.Errorf("%q: %w", who, p2p.ErrOwnGUID), "use the other peer's, which `p2ptool id` prints there")
	case t.Addr == "" && cfg.Peer.Server == "" && !cfg.Peer.LAN:
		return t, noServer()
	}
	return t, nil
}

// noServer is the error where one is needed.
func noServer() error {
	return hint(p2p.ErrNotServing, "give --server HOST:PORT, or set server under [peer] in the config")
}

// nameOf returns what to call a peer: the contact's name, else the GUID.
func nameOf(cfg *config.Config, guid p2p.GUID) string {
	if name := cfg.ContactName(guid); name != "" {
		return name
	}
	return guid.String()
}
