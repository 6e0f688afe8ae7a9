package cmd

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"p2ptool/internal/config"
	"p2ptool/p2p/identity"
)

func (p *program) contactsCommand() *cli.Command {
	return &cli.Command{
		Name:      "contacts",
		Usage:     "list, add, rename or remove the contacts in the config",
		ArgsUsage: "[list | add NAME GUID | rename OLD NEW | remove NAME]",
		Description: about("p2ptool contacts\n"+
			"p2ptool contacts add bob 1b671a64-40d5-891e-99b0-da01ff1f3341\n"+
			"p2ptool contacts rename bob robert", "The config keeps its comments and its formatting."),
		Action: p.contacts,
	}
}

// A contactEvent is one contact, of the list or as it was changed.
type contactEvent struct {
	GUID    string `json:"guid"`
	Contact string `json:"contact"`
}

func (contactEvent) event() string { return "contact" }

func (p *program) contacts(c *cli.Context) error {
	args := c.Args().Slice()
	if len(args) == 0 {
		args = []string{"list"}
	}
	action := map[string]struct {
		arguments int
		run       func(cfg *config.Config, args []string) error
	}{
		"list":   {0, p.listContacts},
		"add":    {2, p.addContact},
		"rename": {2, p.renameContact},
		"remove": {1, p.removeContact},
	}
	a, ok := action[args[0]]
	if !ok {
		return unknown("action", args[0], " of contacts", slices.Sorted(maps.Keys(action)), "p2ptool contacts --help")
	}
	if n := len(args) - 1; n != a.arguments {
		return hint(usage("contacts %s takes %d arguments, not %d", args[0], a.arguments, n), "`p2ptool contacts --help` shows how to use it")
	}
	cfg, err := p.identity(c)
	if err != nil {
		return err
	}
	return contactError(a.run(cfg, args[1:]))
}

func (p *program) listContacts(cfg *config.Config, _ []string) error {
	names := slices.Sorted(maps.Keys(cfg.Contacts))
	width := 0
	for _, n := range names {
		width = max(width, len(n))
	}
	for _, n := range names {
		guid := cfg.Contacts[n].GUID.String()
		p.out.payload("%-*s  %s", width, n, guid)
		p.out.event(contactEvent{guid, n})
	}
	if len(names) == 0 {
		p.out.note("no contacts; `p2ptool contacts add NAME GUID` adds one")
	}
	return nil
}

func (p *program) addContact(cfg *config.Config, args []string) error {
	name := args[0]
	guid, err := identity.ParseGUID(args[1])
	if err != nil {
		return as(errUsage, err)
	}
	if err := cfg.AddContact(name, guid); err != nil {
		return err
	}
	p.out.note("added %q to %s; next: p2ptool chat %s", name, cfg.File(), name)
	p.out.event(contactEvent{guid.String(), name})
	return nil
}

func (p *program) renameContact(cfg *config.Config, args []string) error {
	guid := cfg.Contacts[args[0]].GUID
	if err := cfg.RenameContact(args[0], args[1]); err != nil {
		return err
	}
	p.out.note("%q is now %q in %s", args[0], args[1], cfg.File())
	p.out.event(contactEvent{guid.String(), args[1]})
	return nil
}

func (p *program) removeContact(cfg *config.Config, args []string) error {
	guid := cfg.Contacts[args[0]].GUID
	if err := cfg.RemoveContact(args[0]); err != nil {
		return err
	}
	p.out.note("removed %q from %s", args[0], cfg.File())
	p.out.event(contactEvent{guid.String(), args[0]})
	return nil
}

// contactError adds what to do about an error of an edit.
func contactError(err error) error {
	if w, ok := errors.AsType[*config.UnwritableError](err); ok && w.Lines != "" {
		return hint(err, "add these lines to it by hand:\n%s", strings.TrimSuffix(w.Lines, "\n"))
	}
	if errors.Is(err, config.ErrContactExists) {
		return hint(as(errUsage, err), "`p2ptool contacts rename` gives a contact another name")
	}
	return err
}
