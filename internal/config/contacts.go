package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/BurntSushi/toml"

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
	err := c.edit(contactEdit{
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
	return c.edit(contactEdit{
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
	return c.edit(contactEdit{
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

// A contactEdit changes a file, and says what the change means.
type contactEdit struct {
	change func(*tomledit.Document) (string, error)
	mean   func(file map[string]any) // the same change, to what the file decodes to
}

// edit changes the file. What it would decode to afterwards is compared with what is
// meant before anything is written.
func (c *Config) edit(e contactEdit) error {
	return rewrite(c.file, func(text string) (string, error) {
		d, err := tomledit.Parse(text)
		if err != nil {
			return "", err
		}
		changed, err := e.change(d)
		if err != nil {
			if at, ok := errors.AsType[*tomledit.LineError](err); ok {
				return "", Problem{File: c.file, Line: at.Line, Text: at.Text}
			}
			return "", err
		}
		if err := e.verify(text, changed); err != nil {
			return "", Problem{File: c.file, Text: "cannot be edited safely, edit it by hand: " + err.Error()}
		}
		return changed, nil
	})
}

func (e contactEdit) verify(before, after string) error {
	var want, got map[string]any
	if _, err := toml.Decode(before, &want); err != nil {
		return err
	}
	if _, err := toml.Decode(after, &got); err != nil {
		return err
	}
	e.mean(want)
	for _, m := range []map[string]any{want, got} {
		if len(contactsOf(m)) == 0 {
			delete(m, contactsTable)
		}
	}
	if !reflect.DeepEqual(want, got) {
		return errors.New("the change would mean something else")
	}
	return nil
}

func contactsOf(file map[string]any) map[string]any {
	contacts, _ := file[contactsTable].(map[string]any)
	return contacts
}
