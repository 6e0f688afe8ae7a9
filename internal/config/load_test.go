package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"p2ptool/p2p/identity"
)

// someKey returns a new key and its text.
func someKey(t *testing.T) (identity.SecretKey, string) {
	t.Helper()
	k, err := identity.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k, k.Reveal()
}

// write creates a file with the mode in a new folder and returns its path.
func write(t *testing.T, text string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.toml")
	writeTo(t, path, text, mode)
	return path
}

// writeTo creates a file. With mode 0600 only its owner may read it, even on Windows.
func writeTo(t *testing.T, path, text string, mode fs.FileMode) {
	t.Helper()
	err := os.WriteFile(path, []byte(text), mode)
	if runtime.GOOS == "windows" && mode == 0o600 {
		err = WriteFile(path, text, true)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	key, text := someKey(t)
	c, err := Load(write(t, `
mode = "server"
secret_key = "`+text+`"
[server]
listen = "127.0.0.1:0"
relay.link_rate = "10MB/s"
[peer]
stun = ["stun.example.org:3478", "192.0.2.1:19302"]
[receive]
max_size = "1.5GiB"
accept = "contacts"
[contacts.bob]
guid = "`+key.GUID().String()+`"
accept = true
`, 0o600), "")
	if err != nil {
		t.Fatal(err)
	}
	if c.Mode != ModeServer || c.GUID() != key.GUID() || c.Server.Listen != "127.0.0.1:0" ||
		c.Server.Relay.LinkRate != 10e6 || !c.Server.Relay.Enabled || c.Receive.MaxSize != 3<<29 ||
		!slices.Equal(c.Peer.STUN, []Address{"stun.example.org:3478", "192.0.2.1:19302"}) {
		t.Errorf("Load = %+v", c)
	}
	if bob := c.Contacts["bob"]; bob.GUID != key.GUID() || !bob.Accept || c.ContactName(key.GUID()) != "bob" {
		t.Errorf("contact = %+v", bob)
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"unknown key, near one", "[peer]\nsever = \"a:1\"\n", `F:2: peer.sever: unknown key, did you mean "server"?`},
		{"unknown key", "[receive]\n\ncolour = 1\n", `F:3: receive.colour: unknown key, use one of accept, conflict, dir, max_size`},
		{"unknown table", "[serv]\nlisten = \":1\"\n", `F:1: serv: unknown key, did you mean "server"?`},
		{"number for text", "mode = 3\n", `F:1: mode: is a number, use text in quotes`},
		{"text for truth", "[peer]\nlisted = \"yes\"\n", `F:2: peer.listed: is text, use true or false`},
		{"text for table", "peer = \"x\"\n", `F:1: peer: is text, use a table: [peer]`},
		{"table for text", "[mode.x]\ny = 1\n", `F: mode: is a table, use text in quotes`},
		{"list for table", "[[peer]]\nserver = \"\"\n", `F:1: peer: is a list, use a table: [peer]`},
		{"choice", "mode = \"client\"\n", `F:1: mode: unknown value "client", use "peer" or "server"`},
		{"choice of four", "[receive]\naccept = \"maybe\"\n", `F:2: receive.accept: unknown value "maybe", use "ask", "contacts", "all" or "none"`},
		{"size", "[receive]\nmax_size = \"10 elephants\"\n", `F:2: receive.max_size: "10 elephants" is not a size such as "10GB" or "0"`},
		{"rate", "[server.relay]\ntotal_rate = \"fast\"\n", `F:2: server.relay.total_rate: "fast" is not a rate such as "10MB/s" or "0"`},
		{"script is no list", "script = 3\n", `F:1: script: is a number, use a table for each step: [[script]]`},
		{"rate without a unit", "[server.relay]\nlink_rate = \"5\"\n", `F:2: server.relay.link_rate: "5" has no unit, use for example "5MB/s"`},
		{"two contacts, one GUID", "[contacts.ann]\nguid = \"1b671a64-40d5-891e-99b0-da01ff1f3341\"\n[contacts.bob]\nguid = \"1b671a64-40d5-891e-99b0-da01ff1f3341\"\n",
			`F:4: contacts.bob.guid: is also the GUID of contact "ann"; remove one of the two`},
		{"no home", "[receive]\ndir = \"~/inbox\"\n", `F:2: receive.dir: "~/inbox" begins with the home folder, but HOME is not set; use an absolute path`},
		{"address", "[peer]\nserver = \"example.org:http\"\n", `F:2: peer.server: "example.org:http" has no port from 0 to 65535, such as "rendezvous.example.org:3478"`},
		{"port", "[peer]\nlisten = \":70000\"\n", `F:2: peer.listen: ":70000" has no port from 0 to 65535, such as "rendezvous.example.org:3478"`},
		{"server without host", "[peer]\nserver = \":3478\"\n", `F:2: peer.server: ":3478" lacks a host or a port, such as in "rendezvous.example.org:3478"`},
		{"stun is no list", "[peer]\nstun = \"a:1\"\n", `F:2: peer.stun: is text, use a list of texts in quotes`},
		{"stun is a list of numbers", "[peer]\nstun = [1]\n", `F:2: peer.stun: is not a list of texts, put each in quotes`},
		{"stun without port", "[peer]\nstun = [\"a:1\", \"b\"]\n", `F:2: peer.stun: "b" is not host:port, such as "rendezvous.example.org:3478"`},
		{"stun without host", "[peer]\nstun = [\":1\"]\n", `F:2: peer.stun: ":1" lacks a host or a port, such as in "rendezvous.example.org:3478"`},
		{"stun empty", "[peer]\nstun = [\"\"]\n", `F:2: peer.stun: "" is not host:port, such as "rendezvous.example.org:3478"`},
		{"stun too many", "[peer]\nstun = [\"a:1\", \"a:2\", \"a:3\", \"a:4\", \"a:5\"]\n", `F:2: peer.stun: has 5 servers, use 4 at most`},
		{"empty listen", "[server]\nlisten = \"\"\n", `F:2: server.listen: is empty, use for example ":3478"`},
		{"long name", "[peer]\nname = \"" + strings.Repeat("x", 65) + "\"\n", `F:2: peer.name: the name has 65 bytes, use at most 64`},
		{"name with escape", "[peer]\nname = \"a\\u001b[2J\"\n", `F:2: peer.name: "a\x1b[2J" contains characters that cannot be shown, use letters, digits and spaces`},
		{"contact to connect to", "[peer]\nconnect = \"bob\"\n", `F:2: peer.connect: no such contact: "bob" is neither a GUID nor a name under [contacts]`},
		{"guid", "[contacts.bob]\nguid = \"x\"\n", `F:2: contacts.bob.guid: "x" is not a GUID: it has 1 characters, not 36`},
		{"contact without guid", "[contacts.bob]\naccept = true\n", "F:1: contacts.bob: has no guid, add the one that `p2ptool id` prints on that machine"},
		{"contact's name", "[contacts.\"a@b\"]\nguid = \"00000000-0000-8000-8000-000000000000\"\n", `F:1: contacts."a@b": "a@b" cannot be a contact's name, use letters and digits`},
		{"server's key", "[peer]\nserver_key = \"p2psec-x\"\n", "F:2: peer.server_key: not a public key: it does not begin with \"p2ppub-\", use the key that `p2ptool serve` prints"},
		{"script", "[[script]]\nsay = \"a\"\n[[script]]\nrun = \"b\"\n", `F:3: step 2 (run = "b"): only a script file named on the command line may run commands`},
		{"script's key", "[[script]]\nsey = \"a\"\n", "F:1: step 1: unknown key \"sey\", use one of say, expect, send, receive, sleep, run, quit, and timeout"},
		{"script's type", "[[script]]\nsleep = \"a\"\n", `F:1: step 1: sleep: "a" is not a duration such as "1.5s" or "2m"`},
		{"not TOML", "\nmode = peer\n", `F:2: not TOML: expected value but found "peer" instead`},
		{"Windows path", "[receive]\ndir = \"C:\\Users\\ann\"\n", `F:2: not TOML: \ in double quotes begins an escape, put a Windows path in single quotes, as in dir = 'C:\Users\ann'`},
		{"Windows path with a tab", "[receive]\ndir = \"C:\\temp\"\n", `F:2: receive.dir: "C:\temp" contains a control character, put a Windows path in single quotes, as in dir = 'C:\Users\ann'`},
		{"twice", "mode = \"peer\"\nmode = \"peer\"\n", `F:2: not TOML: Key 'mode' has already been defined.`},
		{"not UTF-8", "mode = \"\xff\"\n", `F:1: not TOML: invalid UTF-8 byte: 0xff`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := write(t, tt.text, 0o644)
			_, err := Load(path, "")
			if err == nil {
				t.Fatalf("Load accepted it, want %s", tt.want)
			}
			if got := strings.ReplaceAll(err.Error(), path, "F"); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	path := write(t, `mode = "client"
[receive]
accept = 1
max_size = "-5"
[peer]
listed = "no"
nme = "x"
[[script]]
sleep = "1 week"
timeout = "later"
[contacts.bob]
accept = "yes"
`, 0o600)
	_, err := Load(path, "")
	got := strings.ReplaceAll(err.Error(), path, "F")
	want := `F:1: mode: unknown value "client", use "peer" or "server"
F:3: receive.accept: is a number, use text in quotes
F:4: receive.max_size: "-5" is not a size such as "10GB" or "0"
F:6: peer.listed: is text, use true or false
F:7: peer.nme: unknown key, did you mean "name"?
F:8: step 1: sleep: "1 week" is not a duration such as "1.5s" or "2m"
F:8: step 1: timeout: "later" is not a duration such as "1.5s" or "2m"
F:11: contacts.bob: has no guid, add the one that ` + "`p2ptool id`" + ` prints on that machine
F:12: contacts.bob.accept: is text, use true or false`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Paths start at the file's folder, except "" and ".", which mean the working folder.
func TestPaths(t *testing.T) {
	t.Parallel()
	home := t.TempDir() // absolute on every system
	absolute := filepath.ToSlash(filepath.Join(home, "abs"))
	for dir, want := range map[string]string{
		"": ".", ".": ".", "~": home, "~/in": home + "/in", "in": "D/in", "./in": "D/in", "../in": "D/../in", absolute: absolute, "~bob": "D/~bob",
	} {
		path := write(t, "[receive]\ndir = \""+dir+"\"\n[contacts.bob]\nguid = \""+bobGUID+"\"\ndir = \""+dir+"\"\n", 0o600)
		c, err := Load(path, home)
		if err != nil {
			t.Errorf("%q: %v", dir, err)
			continue
		}
		if rest, ok := strings.CutPrefix(want, "D/"); ok {
			want = filepath.Dir(path) + "/" + rest
		}
		want = filepath.Clean(want)
		bob := want
		if dir == "" {
			bob = "" // Receive.Dir is used
		}
		if filepath.Clean(c.Receive.Dir) != want || filepath.FromSlash(c.Contacts["bob"].Dir) != bob {
			t.Errorf("%q: receive.dir is %q, contacts.bob.dir %q; want %q", dir, c.Receive.Dir, c.Contacts["bob"].Dir, want)
		}
	}
}

func TestParseServer(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]ServerAddress{
		"example.org": "example.org:3478", "example.org:1": "example.org:1", "192.0.2.1": "192.0.2.1:3478", "2001:db8::1": "[2001:db8::1]:3478",
		"[2001:db8::1]": "[2001:db8::1]:3478", "[2001:db8::1]:7": "[2001:db8::1]:7",
	} {
		if got, err := ParseServer(s); got != want || err != nil {
			t.Errorf("ParseServer(%q) = %q, %v", s, got, err)
		}
	}
	for _, s := range []string{"", ":", ":1", "host:", "host:0", "a b", "[x]", "a:b:c", "host:70000", "http://host"} {
		if got, err := ParseServer(s); err == nil {
			t.Errorf("ParseServer(%q) = %q", s, got)
		}
	}
}

func TestExposedSecret(t *testing.T) {
	t.Parallel()
	_, text := someKey(t)
	path := filepath.Join(t.TempDir(), "c.toml")
	expose(t, path, "secret_key = \""+text+"\"\n")
	want := path + ": contains a secret key but other users may read it, run `" + closingCommand(path) + "`"
	if _, err := Load(path, ""); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := Load(write(t, "secret_key = \"\"\n", 0o644), ""); err != nil {
		t.Errorf("without a secret: %v", err)
	}
	if runtime.GOOS == "windows" {
		return // no mode bits
	}
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o660, 0o644} {
		path := write(t, "secret_key = \""+text+"\"\n", mode)
		if err := os.Chmod(path, mode); err != nil { // regardless of the umask
			t.Fatal(err)
		}
		_, err := Load(path, "")
		want := path + ": contains a secret key but other users may read it, run `chmod 600 " + path + "`"
		if err == nil || err.Error() != want {
			t.Errorf("mode %v: got %v, want %s", mode, err, want)
		}
	}
}

func TestSecretIsNeverShown(t *testing.T) {
	t.Parallel()
	_, text := someKey(t)
	for _, broken := range []string{
		`"` + text[:40] + `"`, `"` + text + `A"`, `"p2ppub-` + text[7:] + `"`, `"\\` + text + `"`,
		text, `"` + text, text + `"`, "'" + text, `["` + text, "1" + text[7:], "\n" + text,
	} {
		_, err := Load(write(t, "secret_key = "+broken+"\n", 0o600), "")
		if err == nil || strings.Contains(err.Error(), text[7:30]) {
			t.Errorf("no error, or it shows the secret: %v", err)
		}
	}
}

func TestSecretKeyFile(t *testing.T) {
	t.Parallel()
	key, text := someKey(t)
	path := write(t, "secret_key_file = \"key\"\n", 0o644)
	keyPath := filepath.Join(filepath.Dir(path), "key")

	if _, err := Load(path, ""); err == nil || !strings.Contains(err.Error(), "c.toml:1: secret_key_file: open ") {
		t.Errorf("without the file: %v", err)
	}
	writeTo(t, keyPath, text+"\n", 0o600)
	c, err := Load(path, "")
	if err != nil || c.GUID() != key.GUID() {
		t.Fatalf("Load = %v, %v", c, err)
	}
	if err := os.Remove(keyPath); err != nil { // on Windows a file keeps its ACL
		t.Fatal(err)
	}
	expose(t, keyPath, text+"\n")
	if _, err := Load(path, ""); err == nil || !strings.Contains(err.Error(), "run `"+closingCommand(keyPath)+"`") {
		t.Errorf("exposed: %v", err)
	}
}

func TestLoadMissing(t *testing.T) {
	t.Parallel()
	if _, err := Load(filepath.Join(t.TempDir(), "none"), ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("err = %v, want fs.ErrNotExist", err)
	}
	if _, err := Load(write(t, strings.Repeat("#\n", maxFile), 0o600), ""); err == nil {
		t.Error("a huge file was read")
	}
}

func TestFind(t *testing.T) { // not parallel: it changes the working folder
	t.Chdir(t.TempDir())
	xdg := t.TempDir()
	env := map[string]string{"XDG_CONFIG_HOME": xdg, "HOME": "/nowhere"}
	find := func(flag, want string) {
		t.Helper()
		if got, err := Find(flag, func(k string) string { return env[k] }); err != nil || got != want {
			t.Errorf("Find(%q) = %q, %v, want %q", flag, got, err, want)
		}
	}
	user := filepath.Join(xdg, "p2ptool", "config.toml")
	find("", "")
	if err := WriteFile(user, "", false); err != nil {
		t.Fatal(err)
	}
	find("", user)
	if err := WriteFile(FileName, "", false); err != nil {
		t.Fatal(err)
	}
	find("", FileName)
	env["P2PTOOL_CONFIG"] = "e.toml"
	find("", "e.toml")
	find("f.toml", "f.toml")
}

func FuzzDecode(f *testing.F) {
	f.Add("mode = \"peer\"\n[contacts.bob]\nguid = 1\n")
	f.Add("[[peer]]\n[receive]\nx.y = [1, {a = 2}]\n")
	f.Add("contacts = {a = 1, b = {guid = \"\"}}")
	f.Fuzz(func(t *testing.T, text string) {
		d := decoder{file: "f"}
		c := Default()
		d.decode(text, c)
		d.check(c, false)
		for _, p := range d.problems {
			if p.Text == "" {
				t.Errorf("problem without a text: %+v", p)
			}
		}
	})
}
