package cmd

import (
	"errors"
	"fmt"
	"strings"

	"p2ptool/internal/config"
	"p2ptool/internal/terminal"
	"p2ptool/p2p"
	"p2ptool/transfer"
)

// A verdict is what the rules say of an offer.
type verdict int

const (
	refuse verdict = iota
	ask
	accept
)

// Rules decide whose files are taken and where they go: the config's, with what
// the command line says about them.
type rules struct {
	cfg  *config.Config
	yes  bool      // take everything
	into string    // all files go there; empty: by the config
	from *p2p.GUID // take from this peer only; nil: from all
}

// judge applies the rules. The error says why an offer is refused, for both
// sides to read.
func (r rules) judge(peer p2p.GUID, o transfer.Offer) (verdict, error) {
	contact, known := r.contact(peer)
	limit := int64(r.cfg.Receive.MaxSize)
	switch {
	case r.from != nil && *r.from != peer:
		return refuse, errNotFrom
	case limit > 0 && o.Bytes > limit:
		return refuse, fmt.Errorf("it is larger than the %s that are taken", terminal.Bytes(limit))
	case r.yes, r.cfg.Receive.Accept == config.AcceptAll:
		return accept, nil
	case r.cfg.Receive.Accept == config.AcceptNone:
		return refuse, errors.New("no files are taken here")
	case known && (contact.Accept || r.cfg.Receive.Accept == config.AcceptContacts):
		return accept, nil
	case r.cfg.Receive.Accept == config.AcceptContacts:
		return refuse, errors.New("files are taken from contacts only")
	}
	if o.Resumes {
		return accept, nil // was asked before
	}
	return ask, nil
}

// errNotFrom refuses a peer that the command line does not name.
var errNotFrom = errors.New("files are taken from another peer only")

func (r rules) contact(peer p2p.GUID) (config.Contact, bool) {
	contact, ok := r.cfg.Contacts[r.cfg.ContactName(peer)]
	return contact, ok
}

// dir returns the folder for the peer's files.
func (r rules) dir(peer p2p.GUID) string {
	if r.into != "" {
		return r.into
	}
	if contact, ok := r.contact(peer); ok && contact.Dir != "" {
		return contact.Dir
	}
	return r.cfg.Receive.Dir
}

// conflict says the same as the config to the transfer package.
func (r rules) conflict() transfer.Conflict {
	switch r.cfg.Receive.Conflict {
	case config.ConflictSkip:
		return transfer.Skip
	case config.ConflictOverwrite:
		return transfer.Overwrite
	}
	return transfer.Rename
}

// maxAskedNames is how many names of an offer a question tells.
const maxAskedNames = 3

// question describes an offer to the person who decides on it.
func question(peer string, o transfer.Offer, dir string) string {
	var names []string
	for _, name := range o.Names[:min(len(o.Names), maxAskedNames)] {
		names = append(names, fmt.Sprintf("%q", terminal.VisibleName(name, maxShownName)))
	}
	what := strings.Join(names, ", ")
	switch more := o.Count - int64(len(names)); {
	case len(names) == 0:
		what = count(o.Count, "item")
	case more > 0:
		what += fmt.Sprintf(" and %d more", more)
	}
	if o.Files > 1 {
		what += fmt.Sprintf(" (%s)", count(o.Files, "file"))
	}
	size := "of unknown size"
	if o.Bytes >= 0 {
		size = terminal.Bytes(o.Bytes)
	}
	into := ""
	if dir != "" {
		into = fmt.Sprintf(", into %q", dir)
	}
	return fmt.Sprintf("%s wants to send %s, %s%s: take it?", peer, what, size, into)
}
