package config

import (
	"errors"
	"testing"
)

func TestSetPeer(t *testing.T) {
	const pin = "p2ppub-duwX25hWZUWtauH7XVu26O0tGUD_E2SGnYwAyjP6dXI"
	for name, c := range map[string]struct {
		before, after string
		server        ServerAddress
		peer          Name
	}{
		"both": {
			"[peer] # me\nserver = 'a:1'\nname = 'x' # short\n", "[peer] # me\nserver = \"b:2\"\nname = \"y\" # short\n", "b:2", "y",
		},
		"the pin is another server's": {
			"[peer]\nserver_key = '" + pin + "'\nserver = 'a:1'\n", "[peer]\nserver_key = \"\"\nserver = \"b:2\"\n", "b:2", "",
		},
		"the same server": {
			"[peer]\nserver_key = '" + pin + "'\nserver = 'a:1'\n", "[peer]\nserver_key = '" + pin + "'\nserver = 'a:1'\n", "a:1", "",
		},
		"nothing there": {
			"mode = 'peer'\n", "mode = 'peer'\n\n[peer]\nserver = \"b:2\"\nname = \"y\"\n", "b:2", "y",
		},
	} {
		path := writeContacts(t, c.before)
		if err := load(t, path).SetPeer(c.server, c.peer); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := textOf(t, path); got != c.after {
			t.Errorf("%s: %q, want %q", name, got, c.after)
		}
	}
	path := writeContacts(t, "peer = { name = 'x' }\n")
	var at Problem
	if err := load(t, path).SetPeer("", "y"); !errors.As(err, &at) || at.Line != 1 {
		t.Errorf("an inline table: %v", err)
	}
	if got := textOf(t, path); got != "peer = { name = 'x' }\n" {
		t.Errorf("an inline table became %q", got)
	}
}
