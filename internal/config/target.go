package config

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"p2ptool/p2p/identity"
)

// ErrNoContact says that no contact has the name.
var ErrNoContact = errors.New("no such contact")

// A Target is a peer to reach.
type Target struct {
	GUID identity.GUID
	Addr Address // its address, to reach it without a server; empty: ask the server
	Name string  // the contact's name; empty: it has none
}

// String returns the target's name, or its GUID.
func (t Target) String() string {
	if t.Name != "" {
		return t.Name
	}
	return t.GUID.String()
}

// Target resolves a GUID or a contact's name, either with "@host:port" after it. The error wraps
// ErrNoContact if it is neither a GUID nor a contact.
func (c *Config) Target(who string) (Target, error) {
	name, hostport, direct := strings.Cut(who, "@")
	t, err := c.lookup(name)
	if err != nil || !direct {
		return t, err
	}
	t.Addr, err = ParseRemote(hostport)
	return t, err
}

func (c *Config) lookup(who string) (Target, error) {
	if contact, ok := c.Contacts[who]; ok {
		return Target{GUID: contact.GUID, Name: who}, nil
	}
	guid, err := identity.ParseGUID(who)
	if err == nil {
		return Target{GUID: guid, Name: c.ContactName(guid)}, nil
	}
	if looksLikeGUID(who) {
		return Target{}, err
	}
	return Target{}, c.noContact(who)
}

func (c *Config) noContact(who string) error {
	names := slices.Sorted(maps.Keys(c.Contacts))
	if near, ok := Nearest(who, names); ok {
		return fmt.Errorf("%w: %q, did you mean %q?", ErrNoContact, who, near)
	}
	if len(names) > 0 {
		return fmt.Errorf("%w: %q, the contacts are %s", ErrNoContact, who, quoteAll(names, 10))
	}
	return fmt.Errorf("%w: %q is neither a GUID nor a name under [contacts]", ErrNoContact, who)
}

// quoteAll lists the first few names.
func quoteAll(names []string, most int) string {
	var b strings.Builder
	for i, n := range names[:min(most, len(names))] {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", n)
	}
	if len(names) > most {
		fmt.Fprintf(&b, " and %d more", len(names)-most)
	}
	return b.String()
}

// looksLikeGUID reports whether s was probably meant to be a GUID: many characters, all of them
// hex digits or hyphens.
func looksLikeGUID(s string) bool {
	return len(s) >= 16 && strings.Trim(strings.ToLower(s), "0123456789abcdef-") == "" || strings.Count(s, "-") == 4 && len(s) > 30
}

// ContactName returns the name of the contact with the GUID, or "". If there are several it returns
// the first in alphabetical order.
func (c *Config) ContactName(guid identity.GUID) string {
	for _, name := range slices.Sorted(maps.Keys(c.Contacts)) {
		if c.Contacts[name].GUID == guid {
			return name
		}
	}
	return ""
}

// checkContactName rejects names that would be ambiguous as WHO.
func checkContactName(name string) error {
	if _, err := ParseName(name); err != nil {
		return err
	}
	_, err := identity.ParseGUID(name)
	if err == nil || name == "" || strings.ContainsAny(name, "@:") || strings.HasPrefix(name, "-") || codeForm.MatchString(name) {
		return fmt.Errorf("%q cannot be a contact's name, use letters and digits", name)
	}
	return nil
}

// codeForm is the form of a code by which two people meet: a number, then words.
var codeForm = regexp.MustCompile(`^[0-9]+([- ]+[A-Za-z]+)+$`)
