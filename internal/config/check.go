package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/BurntSushi/toml"

	"p2ptool/p2p/identity"
)

// maxSTUN is the largest number of additional STUN servers.
const maxSTUN = 4

// check finds problems that involve more than one value, and reads the secret key's file.
func (d *decoder) check(c *Config, exposed bool) {
	d.checkPaths(c)
	d.resolve(c)
	d.checkSecret(c, exposed)
	d.checkContacts(c)
	for _, a := range c.Peer.STUN {
		if _, err := ParseRemote(string(a)); err != nil {
			d.reportKey("peer.stun", err.Error())
		}
	}
	if len(c.Peer.STUN) > maxSTUN {
		d.reportKey("peer.stun", fmt.Sprintf("has %d servers, use %d at most", len(c.Peer.STUN), maxSTUN))
	}
	if c.Server.Listen == "" {
		d.reportKey("server.listen", "is empty, use for example \":3478\"")
	}
	switch t := c.Server.TLS; {
	case t.Cert != "" && t.Domain != "":
		d.reportKey("server.tls.domain", "cannot be combined with cert and key")
	case t.Cert != "" && t.Key == "":
		d.reportKey("server.tls.cert", "needs a key: name its file in key")
	case t.Cert == "" && t.Key != "":
		d.reportKey("server.tls.key", "needs a certificate: name its file in cert")
	}
	if c.Peer.Connect == "" {
		return
	}
	t, err := c.Target(c.Peer.Connect)
	if err == nil && t.GUID == c.GUID() {
		err = fmt.Errorf("%q is your own GUID, use another peer's", c.Peer.Connect)
	}
	if err != nil {
		d.reportKey("peer.connect", err.Error())
	}
}

// checkPaths reports paths with control characters, such as the tab in "C:\temp", a Windows path in
// double quotes.
func (d *decoder) checkPaths(c *Config) {
	paths := map[string]string{"receive.dir": c.Receive.Dir, "secret_key_file": c.SecretKeyFile}
	for name, contact := range c.Contacts {
		paths[toml.Key{"contacts", name, "dir"}.String()] = contact.Dir
	}
	for key, path := range paths {
		if strings.ContainsFunc(path, unicode.IsControl) {
			d.reportKey(key, fmt.Sprintf("%q contains a control character, %s", path, quoteWindowsPath))
		}
	}
}

// resolve makes the config's paths relative to the working folder, or absolute.
func (d *decoder) resolve(c *Config) {
	for key, path := range map[string]string{
		"secret_key_file": c.SecretKeyFile, "server.tls.cert": c.Server.TLS.Cert, "server.tls.key": c.Server.TLS.Key,
	} {
		d.path(c, key, path)
	}
	if c.Receive.Dir = d.path(c, "receive.dir", c.Receive.Dir); c.Receive.Dir == "" {
		c.Receive.Dir = "."
	}
	for name, contact := range c.Contacts {
		contact.Dir = d.path(c, toml.Key{"contacts", name, "dir"}.String(), contact.Dir)
		c.Contacts[name] = contact
	}
}

// path resolves a path of the file. "." is the working folder, not the file's.
func (d *decoder) path(c *Config, key, path string) string {
	if inHome(path) && c.home == "" {
		d.reportKey(key, fmt.Sprintf("%q begins with the home folder, but HOME is not set; use an absolute path", path))
	}
	if path == "." {
		return path
	}
	return c.Path(path)
}

// checkContacts finds contacts with the same GUID.
func (d *decoder) checkContacts(c *Config) {
	first := make(map[identity.GUID]string)
	for _, name := range slices.Sorted(maps.Keys(c.Contacts)) {
		guid := c.Contacts[name].GUID
		if other, ok := first[guid]; ok && !guid.IsZero() {
			d.reportKey(toml.Key{"contacts", name, "guid"}.String(), fmt.Sprintf("is also the GUID of contact %q; remove one of the two", other))
			continue
		}
		first[guid] = name
	}
}

// reportKey records a problem with a key, or with the whole file if key is empty.
func (d *decoder) reportKey(key, text string) {
	p := Problem{File: d.file, Key: key, Text: text}
	if prim, ok := d.prims[key]; ok {
		p.Line = d.line(prim)
	}
	d.problems = append(d.problems, p)
}

func (d *decoder) checkSecret(c *Config, exposed bool) {
	if exposed && d.holdsSecret() {
		d.reportKey("", fmt.Sprintf("contains a secret key but other users may read it, run `%s`", closingCommand(d.file)))
	}
	if c.SecretKeyFile == "" {
		return
	}
	if c.HasKey() {
		d.reportKey("secret_key_file", "cannot be combined with secret_key")
		return
	}
	if err := c.readSecretFile(); err != nil {
		d.reportKey("secret_key_file", err.Error())
	}
}

// holdsSecret reports whether the text has a secret key, valid or not.
func (d *decoder) holdsSecret() bool {
	var text string
	prim, ok := d.prims["secret_key"]
	return ok && d.md.PrimitiveDecode(prim, &text) == nil && text != ""
}

// readSecretFile reads the key from the file named in the config.
func (c *Config) readSecretFile() error {
	path := c.Path(c.SecretKeyFile)
	text, exposed, err := readFile(path)
	if err != nil {
		return err
	}
	if exposed {
		return fmt.Errorf("other users may read %q, run `%s`", path, closingCommand(path))
	}
	if err := c.SecretKey.UnmarshalText([]byte(strings.TrimSpace(text))); err != nil {
		return fmt.Errorf("in %q: %w", path, err)
	}
	if !c.HasKey() {
		return fmt.Errorf("%q is empty, `p2ptool init` creates a key", path)
	}
	return nil
}
