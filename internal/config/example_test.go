package config

import (
	"errors"
	"io/fs"
	"os"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

const examplePath = "../../config.example.toml"

func readExample(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestExampleIsTheDefault(t *testing.T) {
	t.Parallel()
	got, err := Load(examplePath, "")
	if err != nil {
		t.Fatal(err)
	}
	got.file = ""
	if want := Default(); !reflect.DeepEqual(got, want) {
		t.Errorf("the example has\n%+v\nthe defaults are\n%+v", got, want)
	}
}

// A commented-out setting of the example has no space after its "#".
var commentedOut = regexp.MustCompile(`(?m)^#([a-z_]+ = |\[)`)

func TestExampleHasEveryKey(t *testing.T) {
	t.Parallel()
	var doc map[string]any
	md, err := toml.Decode(commentedOut.ReplaceAllString(readExample(t), "$1"), &doc)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range md.Keys() {
		if k[0] != "script" { // its keys belong to package script
			got = append(got, k.String())
		}
	}
	got = append(got, "script")
	got = append(got, "contacts") // it is only in the names of its tables
	want := keysOf(reflect.TypeFor[Config](), "")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the example has\n%s\nthe program knows\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// keysOf lists the keys of a struct and its tables, with bob as the only contact.
func keysOf(typ reflect.Type, prefix string) (keys []string) {
	for name, i := range fieldsOf(typ) {
		field, key := typ.Field(i).Type, prefix+name
		keys = append(keys, key)
		switch {
		case field.Kind() == reflect.Map:
			keys = append(keys, key+".bob")
			keys = append(keys, keysOf(field.Elem(), key+".bob.")...)
		case field.Kind() == reflect.Struct && !isText(reflect.New(field).Elem()):
			keys = append(keys, keysOf(field, key+".")...)
		}
	}
	return keys
}

func TestExampleContactIsTheDefault(t *testing.T) {
	t.Parallel()
	path := write(t, commentedOut.ReplaceAllString(readExample(t), "$1"), 0o600)
	c, err := Load(path, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := len(c.Script); got != 6 {
		t.Errorf("the example's script has %d steps", got)
	}
	bob := c.Contacts["bob"]
	bob.GUID = defaultContact().GUID
	if bob != defaultContact() {
		t.Errorf("the example's contact is %+v, the default %+v", bob, defaultContact())
	}
}

func TestFillAndWrite(t *testing.T) {
	t.Parallel()
	key, secret := someKey(t)
	text, err := Fill(readExample(t), map[string]string{
		"secret_key":  secret,
		"peer.server": "localhost:3478",
		"peer.name":   "Zoë \"the\" \\ # peer",
	})
	if err != nil {
		t.Fatal(err)
	}
	path := write(t, "old", 0o644)
	if err := WriteFile(path, text, false); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Write over a file: %v", err)
	}
	if err := WriteFile(path, text, true); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	c, err := Load(path, "")
	if err != nil {
		t.Fatal(err)
	}
	if c.GUID() != key.GUID() || c.Peer.Server != "localhost:3478" || c.Peer.Name != "Zoë \"the\" \\ # peer" {
		t.Errorf("read back %+v", c.Peer)
	}
	if strings.Count(text, "\n") != strings.Count(readExample(t), "\n") {
		t.Error("lines were lost or added")
	}
}

func TestFillUnknownKey(t *testing.T) {
	t.Parallel()
	if _, err := Fill(readExample(t), map[string]string{"peer.colour": "red"}); err == nil {
		t.Error("Fill accepted a key that is not in the example")
	}
}
