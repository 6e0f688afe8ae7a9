package config

import (
	"errors"
	"strings"
	"testing"

	"p2ptool/p2p/identity"
)

func TestParseSize(t *testing.T) {
	t.Parallel()
	tests := map[string]Size{
		"0": 0, "1500": 1500, "7b": 7, "10GB": 10e9, "10 gb": 10e9, "10G": 10e9, "1.5MiB": 3 << 19,
		"2TiB": 2 << 40, "0.5k": 500, "9223372036854775807": 1<<63 - 1, "1kib": 1024,
	}
	for s, want := range tests {
		if got, err := ParseSize(s); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v, want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"", "GB", "-1", "1e9", "1..2", "1 2", "10XB", "10PB", "9223372036854775808", "9e99", "8388608TiB", "NaN", "0x10", "1iB"} {
		if got, err := ParseSize(s); err == nil {
			t.Errorf("ParseSize(%q) = %d, want an error", s, got)
		}
	}
}

func TestParseRate(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]Rate{"10MB/s": 10e6, "10MB": 10e6, "0": 0, "2B/s": 2} {
		if got, err := ParseRate(s); err != nil || got != want {
			t.Errorf("ParseRate(%q) = %d, %v, want %d", s, got, err, want)
		}
	}
}

func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"10GB", "1.5 MiB", "0", "9223372036854775807"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := ParseSize(s); err == nil && n < 0 {
			t.Errorf("ParseSize(%q) = %d", s, n)
		}
	})
}

const bobGUID = "1b671a64-40d5-891e-99b0-da01ff1f3341"

func contacts(t *testing.T) *Config {
	t.Helper()
	guid, err := identity.ParseGUID(bobGUID)
	if err != nil {
		t.Fatal(err)
	}
	c := Default()
	c.Contacts = map[string]Contact{"bob": {GUID: guid}, "carol": {}}
	return c
}

func TestTarget(t *testing.T) {
	t.Parallel()
	c := contacts(t)
	other := "2b671a64-40d5-891e-99b0-da01ff1f3341"
	tests := []struct{ who, name, guid, addr string }{
		{"bob", "bob", bobGUID, ""},
		{bobGUID, "bob", bobGUID, ""},
		{strings.ToUpper(other), "", other, ""},
		{other + "@192.0.2.1:3478", "", other, "192.0.2.1:3478"},
		{other + "@[2001:db8::1]:3478", "", other, "[2001:db8::1]:3478"},
		{"bob@example.org:1", "bob", bobGUID, "example.org:1"},
	}
	for _, tt := range tests {
		got, err := c.Target(tt.who)
		if err != nil || got.Name != tt.name || got.GUID.String() != tt.guid || string(got.Addr) != tt.addr {
			t.Errorf("Target(%q) = %+v, %v", tt.who, got, err)
		}
	}
}

func TestTargetErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ who, want string }{
		{"xyz", `no such contact: "xyz", the contacts are "bob", "carol"`},
		{"bop", `no such contact: "bop", did you mean "bob"?`},
		{"", `no such contact: "", the contacts are "bob", "carol"`},
		{"1b671a64-40d5-891e-99b0-da01ff1f334", `"1b671a64-40d5-891e-99b0-da01ff1f334" is not a GUID: it has 35 characters, not 36`},
		{"1b671a64-40d5-491e-99b0-da01ff1f3341", `"1b671a64-40d5-491e-99b0-da01ff1f3341" is not a peer's GUID: it is a UUID of version 4, not 8`},
		{"bob@example.org", `"example.org" is not host:port, such as "rendezvous.example.org:3478"`},
		{"bob@:12", `":12" lacks a host or a port, such as in "rendezvous.example.org:3478"`},
	}
	for _, tt := range tests {
		_, err := contacts(t).Target(tt.who)
		if err == nil || err.Error() != tt.want {
			t.Errorf("Target(%q): got %v, want %s", tt.who, err, tt.want)
		}
		if is := errors.Is(err, ErrNoContact); is != strings.HasPrefix(tt.want, "no such") {
			t.Errorf("Target(%q): errors.Is(ErrNoContact) = %v", tt.who, is)
		}
	}
}

func FuzzTarget(f *testing.F) {
	f.Add("bob")
	f.Add(bobGUID + "@[::1]:3478")
	f.Fuzz(func(t *testing.T, who string) {
		c := contacts(t)
		if target, err := c.Target(who); err == nil && target.GUID.IsZero() && target.Name != "carol" {
			t.Errorf("Target(%q) = %+v", who, target)
		}
	})
}
