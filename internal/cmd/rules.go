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

// A verdict is the decision of the rules about an offer.
type verdict int

const (
	refuse verdict = iota
	ask
	accept
)

// Rules decide whose files are accepted and where they go: those of the config, and those
// of the command line, which override them.
type rules struct {
	cfg  *config.Config
	yes  bool      // accept everything
	into string    // the folder of all files; empty: by the config
	from *p2p.GUID // accept from this peer only; nil: from all
}

// judge applies the rules. The error says why an offer is refused; both users may read it.
func (r rules) judge(peer p2p.GUID, o transfer.Offer) (verdict, error) {
	contact, known := r.contact(peer)
	limit := int64(r.cfg.Receive.MaxSize)
	switch {
	case r.from != nil && *r.from != peer:
		return refuse, errNotFrom
	case limit > 0 && o.Bytes > limit:
		return refuse, fmt.Errorf("larger than the receiver's limit of %s", terminal.Bytes(limit))
	case r.yes, r.cfg.Receive.Accept == config.AcceptAll:
		return accept, nil
	case r.cfg.Receive.Accept == config.AcceptNone:
		return refuse, errors.New("the receiver accepts no files")
	case known && (contact.Accept || r.cfg.Receive.Accept == config.AcceptContacts):
		return accept, nil
	case r.cfg.Receive.Accept == config.AcceptContacts:
		return refuse, errors.New("the receiver accepts files from contacts only")
	}
	if o.Resumes {
		return accept, nil // the user accepted it before
	}
	return ask, nil
}

// errNotFrom refuses a peer other than that of --from.
var errNotFrom = errors.New("the receiver waits for files from another peer")

// knows reports whether the peer is a contact, or the one that the command line names.
func (r rules) knows(peer p2p.GUID) bool {
	_, known := r.contact(peer)
	return known || r.from != nil && *r.from == peer
}

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

// conflict converts the config's setting for package transfer.
func (r rules) conflict() transfer.Conflict {
	switch r.cfg.Receive.Conflict {
	case config.ConflictSkip:
		return transfer.Skip
	case config.ConflictOverwrite:
		return transfer.Overwrite
	}
	return transfer.Rename
}

// maxAskedNames is how many names of an offer a question shows.
const maxAskedNames = 3

// question returns the question whether to accept an offer.
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
	return fmt.Sprintf("%s wants to send %s, %s%s: accept?", peer, what, size, into)
}
