package tomledit

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

const guid = "1b671a64-40d5-891e-99b0-da01ff1f3341"

func parse(t *testing.T, text string) *Document {
	t.Helper()
	d, err := Parse(text)
	if err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return d
}

func decode(t *testing.T, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if _, err := toml.Decode(text, &m); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return m
}

// TestRemove holds what belongs to a table and what does not.
func TestRemove(t *testing.T) {
	for name, c := range map[string]struct{ before, after string }{
		"a comment that touches": {"a = 1\n\n# my friend\n[contacts.bob] # x\nguid = 'g'\n\n[peer]\n", "a = 1\n\n[peer]\n"},
		"one that does not":      {"a = 1\n\n# friends\n\n[contacts.bob]\nguid = 'g'\n", "a = 1\n\n# friends\n"},
		"the next one's comment": {"[contacts.bob]\nguid = 'g'\n\n# next\n[peer]\n", "# next\n[peer]\n"},
		"no blank line between":  {"[contacts.bob]\nguid = 'g'\n# next\n[peer]\n", "# next\n[peer]\n"},
		"a comment at its end":   {"[contacts.bob]\nguid = 'g'\n# dir = 'x'\n\n# about peer\n[peer]\n", "# about peer\n[peer]\n"},
		"quoted":                 {"['contacts' . \"bob\"]\nguid = 'g'\n[peer]\n", "[peer]\n"},
		"another case":           {"[contacts.Bob]\nguid = 'h'\n[contacts.bob]\nguid = 'g'\n", "[contacts.Bob]\nguid = 'h'\n"},
		"dotted":                 {"contacts.bob.guid = 'g'\ncontacts.bob.dir = 'd'\ncontacts.al.guid = 'h'\n", "contacts.al.guid = 'h'\n"},
		"a key of its table":     {"[contacts]\nbob = { guid = 'g' }\nal = { guid = 'h' }\n", "[contacts]\nal = { guid = 'h' }\n"},
		"subtables":              {"[contacts.bob]\nguid = 'g'\n[contacts.bob.more]\nx = 1\n[peer]\n", "[peer]\n"},
		"in a string":            {"[contacts.bob]\nguid = '''\n[contacts.bob]\n# x\n'''\n[peer]\ns = '''\n[contacts.bob]\n'''\n", "[peer]\ns = '''\n[contacts.bob]\n'''\n"},
		"CRLF":                   {"a = 1\r\n\r\n[contacts.bob]\r\nguid = 'g'\r\n\r\n[peer]\r\n", "a = 1\r\n\r\n[peer]\r\n"},
		"behind scripts":         {"[[script]]\nsay = 'x'\n[contacts.bob]\nguid = 'g'\n[[script]]\nsay = 'y'\n", "[[script]]\nsay = 'x'\n[[script]]\nsay = 'y'\n"},
	} {
		got, err := parse(t, c.before).RemoveTable([]string{"contacts", "bob"})
		if err != nil || got != c.after {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.after)
		}
	}
}

func TestRename(t *testing.T) {
	for name, c := range map[string]struct{ before, after string }{
		"table":    {"[ contacts . 'bob' ] # x\n[contacts.bob.more]\n[contacts.Bob]\n", "[ contacts . \"a b\" ] # x\n[contacts.\"a b\".more]\n[contacts.Bob]\n"},
		"dotted":   {"contacts.bob.guid = 'bob'\n", "contacts.\"a b\".guid = 'bob'\n"},
		"in table": {"[contacts]\nbob = { guid = 'g' }\nbob2.guid = 'h'\n", "[contacts]\n\"a b\" = { guid = 'g' }\nbob2.guid = 'h'\n"},
	} {
		got, err := parse(t, c.before).Rename([]string{"contacts", "bob"}, "a b")
		if err != nil || got != c.after {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.after)
		}
	}
}

func TestSetString(t *testing.T) {
	const value = "a\"\\\x01é"
	const set = "connect = \"a\\\"\\\\\\u0001é\""
	for name, c := range map[string]struct{ before, after string }{
		"there":             {"[peer]\nconnect = 'bob' # always\nname = \"x\"\n", "[peer]\n" + set + " # always\nname = \"x\"\n"},
		"in its table":      {"[peer] # me\nname = \"x\"\n[other]\n", "[peer] # me\n" + set + "\nname = \"x\"\n[other]\n"},
		"at the end":        {"a = 1\n[peer]", "a = 1\n[peer]\n" + set},
		"dotted":            {"peer.name = 'x'\nmode = 'peer'\n", "peer.name = 'x'\npeer." + set + "\nmode = 'peer'\n"},
		"no table":          {"mode = 'peer'\r\n", "mode = 'peer'\r\n\r\n[peer]\r\n" + set + "\r\n"},
		"below a subtable":  {"[peer.more]\nx = 1\n[peer]\n", "[peer.more]\nx = 1\n[peer]\n" + set + "\n"},
		"a subtable's only": {"[peer.more]\nx = 1\n", "[peer.more]\nx = 1\n\n[peer]\n" + set + "\n"},
	} {
		got, err := parse(t, c.before).SetString([]string{"peer", "connect"}, value)
		if err != nil || got != c.after {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.after)
		}
		if peer, _ := decode(t, got)["peer"].(map[string]any); peer["connect"] != value {
			t.Errorf("%s: it reads as %q", name, peer["connect"])
		}
	}
}

// TestInlineTable holds that what stands within an inline table is refused, with its line.
func TestInlineTable(t *testing.T) {
	d := parse(t, "a = 1\ncontacts = { bob = { guid = 'g' } }\n")
	var at *LineError
	if _, err := d.RemoveTable([]string{"contacts", "bob"}); !errors.As(err, &at) || at.Line != 2 {
		t.Errorf("removing: %v", err)
	}
	if _, err := d.Rename([]string{"contacts", "bob"}, "al"); !errors.As(err, &at) || at.Line != 2 {
		t.Errorf("renaming: %v", err)
	}
	if _, err := d.AddTable([]string{"contacts", "al"}); !errors.As(err, &at) || at.Line != 2 {
		t.Errorf("adding: %v", err)
	}
}

// randomDocument returns a document of random formatting with the contacts
// c0 … c(n-1), in the forms that a person may write them in.
func randomDocument(r *rand.Rand) (text string, contacts int) {
	var b strings.Builder
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	gap := func() {
		for range r.IntN(3) {
			b.WriteString(pick("\n", "  \n", "# a comment\n", "#[contacts.c0]\n", "\t# indented\n"))
		}
	}
	gap()
	b.WriteString(pick("", "mode = \"peer\"\n", "mode = 'peer' # which\n"))
	contacts = r.IntN(4)
	if r.IntN(3) == 0 {
		for i := range contacts {
			gap()
			fmt.Fprintf(&b, pick("contacts.c%d.guid = '%s'\n", "contacts . 'c%d' . guid = \"%s\" # yes\n"), i, guid)
		}
		gap()
		b.WriteString(pick("", "[peer]\nname = 'x'\n"))
	} else {
		b.WriteString(pick("", "[peer]\nname = '''\n[contacts.c0]\n'''\n", "[[script]]\nsay = 'x'\n"))
		for i := range contacts {
			gap()
			fmt.Fprintf(&b, pick("[contacts.c%d]\n", "[ contacts.'c%d' ] # who\n", "[\"contacts\".c%d]\n"), i)
			gap()
			fmt.Fprintf(&b, pick("guid = '%s'\n", "  guid = \"%s\" # x\n"), guid)
			gap()
			b.WriteString(pick("", "dir = '''\na\n[contacts.c1]'''\n", "accept = true\n"))
		}
		gap()
		b.WriteString(pick("", "[[script]]\nsay = '#[contacts.c2]'\n"))
	}
	gap()
	text = b.String()
	if r.IntN(4) == 0 {
		text = strings.TrimSuffix(text, "\n")
	}
	if r.IntN(4) == 0 {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	return pick("", byteOrderMark) + text, contacts
}

// TestRandomDocuments holds over random documents that adding a table and removing it
// again gives the same bytes, that renaming there and back does where the name was
// plain, and that no edit means anything else than it should.
func TestRandomDocuments(t *testing.T) {
	for seed := range uint64(1500) {
		r := rand.New(rand.NewPCG(seed, 1))
		text, contacts := randomDocument(r)
		if !readable(text) {
			t.Fatalf("seed %d: a bad document\n%s", seed, text)
		}
		table := []string{"contacts", "new one"}
		added, err := parse(t, text).AddTable(table, Pair{"guid", guid})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		want := decode(t, text)
		contactsOf(want)["new one"] = map[string]any{"guid": guid}
		same(t, seed, "added", added, want)
		if removed, err := parse(t, added).RemoveTable(table); err != nil || removed != text {
			t.Fatalf("seed %d: added and removed, %v:\n%q\nwas\n%q", seed, err, removed, text)
		}
		for i := range contacts {
			table := []string{"contacts", fmt.Sprintf("c%d", i)}
			removeAndRename(t, seed, text, table)
		}
	}
}

func removeAndRename(t *testing.T, seed uint64, text string, table []string) {
	removed, err := parse(t, text).RemoveTable(table)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	want := decode(t, text)
	delete(contactsOf(want), table[1])
	same(t, seed, "removed", removed, want)
	if !subsequence(removed, text) {
		t.Fatalf("seed %d: removing changed more:\n%q\nwas\n%q", seed, removed, text)
	}
	renamed, err := parse(t, text).Rename(table, "zoë")
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	want = decode(t, text)
	contacts := contactsOf(want)
	contacts["zoë"] = contacts[table[1]]
	delete(contacts, table[1])
	same(t, seed, "renamed", renamed, want)
	back, err := parse(t, renamed).Rename([]string{"contacts", "zoë"}, table[1])
	if err != nil || back != strings.ReplaceAll(text, "'"+table[1]+"'", table[1]) && back != text {
		t.Fatalf("seed %d: renamed there and back, %v:\n%q\nwas\n%q", seed, err, back, text)
	}
}

func readable(text string) bool {
	var m map[string]any
	_, err := toml.Decode(text, &m)
	return err == nil
}

func contactsOf(m map[string]any) map[string]any {
	if m["contacts"] == nil {
		m["contacts"] = map[string]any{}
	}
	return m["contacts"].(map[string]any)
}

func same(t *testing.T, seed uint64, what, text string, want map[string]any) {
	t.Helper()
	got := decode(t, text)
	contactsOf(got)
	contactsOf(want)
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("seed %d: %s:\n%s\nmeans %v, want %v", seed, what, text, got, want)
	}
}

// subsequence reports whether a is b with bytes taken out.
func subsequence(a, b string) bool {
	i := 0
	for j := 0; i < len(a) && j < len(b); j++ {
		if a[i] == b[j] {
			i++
		}
	}
	return i == len(a)
}

func FuzzParse(f *testing.F) {
	f.Add("[contacts.bob]\nguid = 'x'\n", "bob")
	f.Fuzz(func(t *testing.T, text, name string) {
		d, err := Parse(text)
		if err != nil {
			return
		}
		if d.String() != text {
			t.Fatalf("%q becomes %q", text, d)
		}
		table := []string{"contacts", name}
		d.RemoveTable(table)
		d.Rename(table, "x")
		d.AddTable(table)
	})
}
