package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"p2ptool/p2p/identity"
)

const (
	annGUID = "2b671a64-40d5-891e-99b0-da01ff1f3341"
)

func parseGUID(t *testing.T, s string) identity.GUID {
	t.Helper()
	g, err := identity.ParseGUID(s)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// writeContacts returns the path of a config with a text.
func writeContacts(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "p2ptool.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, path string) *Config {
	t.Helper()
	c, err := Load(path, "")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func textOf(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestContactsThereAndBack adds contacts to the example and removes them again.
func TestContactsThereAndBack(t *testing.T) {
	example, err := os.ReadFile("../../config.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	path := writeContacts(t, string(example))
	if err := load(t, path).AddContact("bob", parseGUID(t, bobGUID)); err != nil {
		t.Fatal(err)
	}
	if err := load(t, path).AddContact("ann b.", parseGUID(t, annGUID)); err != nil {
		t.Fatal(err)
	}
	c := load(t, path)
	if len(c.Contacts) != 2 || c.Contacts["bob"].GUID.String() != bobGUID || c.Contacts["ann b."].GUID.String() != annGUID {
		t.Fatalf("the contacts are %v", c.Contacts)
	}
	for _, name := range []string{"bob", "ann b."} {
		if err := load(t, path).RemoveContact(name); err != nil {
			t.Fatal(err)
		}
	}
	if got := textOf(t, path); got != string(example) {
		t.Errorf("the file is not as it was:\n%s", got)
	}
}

func TestContactsRefused(t *testing.T) {
	text := "[peer]\nconnect = \"bob@192.0.2.1:9\"\n[contacts.bob]\nguid = \"" + bobGUID + "\"\n"
	for name, c := range map[string]struct {
		edit func(c *Config) error
		want string
	}{
		"a known name":        {func(c *Config) error { return c.AddContact("bob", parseGUID(t, annGUID)) }, `exists already: "bob" is ` + bobGUID},
		"a known GUID":        {func(c *Config) error { return c.AddContact("ann", parseGUID(t, bobGUID)) }, `exists already: ` + bobGUID + ` is "bob"`},
		"a colon":             {func(c *Config) error { return c.AddContact("a:b", parseGUID(t, annGUID)) }, "cannot be a contact's name"},
		"an at":               {func(c *Config) error { return c.AddContact("@ann", parseGUID(t, annGUID)) }, "cannot be a contact's name"},
		"a code":              {func(c *Config) error { return c.AddContact("4172-crystal-tapestry", parseGUID(t, annGUID)) }, "cannot be a contact's name"},
		"a GUID":              {func(c *Config) error { return c.AddContact(annGUID, parseGUID(t, annGUID)) }, "cannot be a contact's name"},
		"removing a stranger": {func(c *Config) error { return c.RemoveContact("bib") }, `no such contact: "bib", did you mean "bob"?`},
		"removing a target":   {func(c *Config) error { return c.RemoveContact("bob") }, `peer.connect names contact "bob"`},
		"renaming a stranger": {func(c *Config) error { return c.RenameContact("zoe", "al") }, `no such contact: "zoe"`},
		"renaming to a code":  {func(c *Config) error { return c.RenameContact("bob", "1 atom zebra") }, "cannot be a contact's name"},
	} {
		path := writeContacts(t, text)
		if err := c.edit(load(t, path)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if got := textOf(t, path); got != text {
			t.Errorf("%s: the file is now %q", name, got)
		}
	}
}

func TestRenamedContactIsStillConnectedTo(t *testing.T) {
	path := writeContacts(t, "[peer]\nconnect = 'bob@192.0.2.1:9' # always\n[contacts.bob]\nguid = \""+bobGUID+"\"\n")
	if err := load(t, path).RenameContact("bob", "robert"); err != nil {
		t.Fatal(err)
	}
	want := "[peer]\nconnect = \"robert@192.0.2.1:9\" # always\n[contacts.robert]\nguid = \"" + bobGUID + "\"\n"
	if got := textOf(t, path); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestInlineContacts(t *testing.T) {
	path := writeContacts(t, "# x\ncontacts = { bob = { guid = \""+bobGUID+"\" } }\n")
	for what, err := range map[string]error{
		"remove": load(t, path).RemoveContact("bob"),
		"add":    load(t, path).AddContact("ann", parseGUID(t, annGUID)),
	} {
		if p, ok := errors.AsType[Problem](err); !ok || p.File != path {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestContactsAtOnce holds that edits of several processes lose nothing.
func TestContactsAtOnce(t *testing.T) {
	path := writeContacts(t, "# a config\n")
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			guid := parseGUID(t, fmt.Sprintf("%08x-40d5-891e-99b0-da01ff1f3341", i))
			if err := load(t, path).AddContact(fmt.Sprint("c", i), guid); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if c := load(t, path); len(c.Contacts) != 20 {
		t.Errorf("%d contacts, want 20", len(c.Contacts))
	}
}

// TestFilesBesideTheConfig holds that an edit touches no other file of the user's.
func TestFilesBesideTheConfig(t *testing.T) {
	path := writeContacts(t, "# a config\n")
	beside := path + ".new"
	if err := os.WriteFile(beside, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := load(t, path).AddContact("bob", parseGUID(t, bobGUID)); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, "# another\n", true); err != nil {
		t.Fatal(err)
	}
	if got := textOf(t, beside); got != "mine" {
		t.Errorf("the file beside it holds %q", got)
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 2 {
		t.Errorf("the folder has %v, %v", files, err)
	}
}
