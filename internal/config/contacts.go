package config

import (
	"errors"
	"fmt"
	"strings"

	"p2ptool/internal/config/tomledit"
	"p2ptool/p2p/identity"
)

// contactsTable is the table of the file with the contacts.
const contactsTable = "contacts"

// ErrContactExists means that a contact has the name or the GUID already.
var ErrContactExists = errors.New("the contact exists already")

// AddContact writes a new contact into the file that the config was loaded from, and
// keeps every other byte of it. The name or the GUID of another contact is
// ErrContactExists.
func (c *Config) AddContact(name string, guid identity.GUID) error {
	if err := checkContactName(name); err != nil {
		return Problem{Text: err.Error()}
	}
	if guid == c.GUID() {
		return Problem{Text: fmt.Sprintf("%s is your own GUID", guid)}
	}
	if known, ok := c.Contacts[name]; ok {
		return fmt.Errorf("%w: %q is %s", ErrContactExists, name, known.GUID)
	}
	if known := c.ContactName(guid); known != "" {
		return fmt.Errorf("%w: %s is %q", ErrContactExists, guid, known)
	}
	err := c.apply(edit{
		change: func(d *tomledit.Document) (string, error) {
			return d.AddTable([]string{contactsTable, name}, tomledit.Pair{Key: "guid", Value: guid.String()})
		},
		mean: func(file map[string]any) {
			if file[contactsTable] == nil {
				file[contactsTable] = map[string]any{}
			}
			contactsOf(file)[name] = map[string]any{"guid": guid.String()}
		},
	})
	if unwritable, ok := errors.AsType[*UnwritableError](err); ok {
		unwritable.Lines = tomledit.Lines([]string{contactsTable, name}, tomledit.Pair{Key: "guid", Value: guid.String()})
	}
	return err
}

// RenameContact gives a contact another name in the file, wherever the file has it.
func (c *Config) RenameContact(from, to string) error {
	if err := c.hasContact(from); err != nil {
		return err
	}
	if err := checkContactName(to); err != nil {
		return Problem{Text: err.Error()}
	}
	if known, ok := c.Contacts[to]; ok {
		return fmt.Errorf("%w: %q is %s", ErrContactExists, to, known.GUID)
	}
	connect, renames := renamedTarget(c.Peer.Connect, from, to)
	return c.apply(edit{
		change: func(d *tomledit.Document) (string, error) {
			text, err := d.Rename([]string{contactsTable, from}, to)
			if err != nil || !renames {
				return text, err
			}
			if d, err = tomledit.Parse(text); err != nil {
				return "", err
			}
			return d.SetString([]string{"peer", "connect"}, connect)
		},
		mean: func(file map[string]any) {
			contacts := contactsOf(file)
			contacts[to] = contacts[from]
			delete(contacts, from)
			if peer, ok := file["peer"].(map[string]any); ok && renames {
				peer["connect"] = connect
			}
		},
	})
}

// RemoveContact takes a contact out of the file, with the comment that touches its
// header. It is an error while peer.connect names the contact.
func (c *Config) RemoveContact(name string) error {
	if err := c.hasContact(name); err != nil {
		return err
	}
	if _, named := renamedTarget(c.Peer.Connect, name, ""); named {
		return Problem{Text: fmt.Sprintf("peer.connect names contact %q; change that first", name)}
	}
	return c.apply(edit{
		change: func(d *tomledit.Document) (string, error) {
			return d.RemoveTable([]string{contactsTable, name})
		},
		mean: func(file map[string]any) { delete(contactsOf(file), name) },
	})
}

func (c *Config) hasContact(name string) error {
	if _, ok := c.Contacts[name]; !ok {
		return c.noContact(name)
	}
	return nil
}

// renamedTarget returns a WHO with another contact's name in it, and whether it
// named that contact.
func renamedTarget(who, from, to string) (string, bool) {
	name, addr, direct := strings.Cut(who, "@")
	if name != from || name == "" {
		return who, false
	}
	if direct {
		to += "@" + addr
	}
	return to, true
}

func contactsOf(file map[string]any) map[string]any {
	contacts, _ := file[contactsTable].(map[string]any)
	return contacts
}
