// Package config reads the program's one TOML file into typed values.
//
// It is strict: an unknown key, a value of the wrong type and a value that
// makes no sense are problems, each named with its file, line and key and the
// value that would do, and all of them are told at once. A file that holds
// a secret key must not be readable by others.
//
// The file is trusted as far as its owner is; nothing in it is run. The package
// reads files and the environment it is given, and prints nothing.
package config

import (
	"path/filepath"

	"p2ptool/internal/script"
	"p2ptool/p2p/identity"
)

// FileName is the name of the file that is looked for in the working folder.
const FileName = "p2ptool.toml"

// A Config is what a file says, over the defaults. Its keys are the tags.
type Config struct {
	Mode          Mode      `toml:"mode"`
	SecretKey     SecretKey `toml:"secret_key"`      // with what SecretKeyFile holds, once loaded
	SecretKeyFile string    `toml:"secret_key_file"` // relative to the config's folder

	Server   Server             `toml:"server"`
	Peer     Peer               `toml:"peer"`
	Receive  Receive            `toml:"receive"`
	Contacts map[string]Contact `toml:"contacts"`
	Script   []script.Step      `toml:"script"` // validated, and without run steps

	file string
	home string
}

// Server is what holds when serving.
type Server struct {
	Listen Address `toml:"listen"`
	TLS    TLS     `toml:"tls"`
	Relay  Relay   `toml:"relay"`
}

// TLS is how the server is reached where UDP does not pass.
type TLS struct {
	Enabled bool    `toml:"enabled"`
	Listen  Address `toml:"listen"` // empty: as Server.Listen
	Cert    string  `toml:"cert"`   // a file, see Config.Path; empty: self-made
	Key     string  `toml:"key"`
	Domain  string  `toml:"domain"` // to get a certificate for; empty: none is got
}

// Relay limits what the server carries between peers.
type Relay struct {
	Enabled   bool `toml:"enabled"`
	LinkRate  Rate `toml:"link_rate"`  // each link; 0: the server's own default
	TotalRate Rate `toml:"total_rate"` // all together; 0: the server's own default
}

// Peer is what holds when being a peer.
type Peer struct {
	Server      ServerAddress `toml:"server"`     // empty: none
	ServerKey   PublicKey     `toml:"server_key"` // zero: trusted on first use
	Transport   Transport     `toml:"transport"`
	Listen      Address       `toml:"listen"`
	STUN        []Address     `toml:"stun"`         // asked beside the server, at most four
	Spray       bool          `toml:"spray"`        // see p2p.PeerOptions.NoSpray
	PortMapping bool          `toml:"port_mapping"` // see p2p.PeerOptions.NoPortMapping
	Connect     string        `toml:"connect"`      // as for Config.Target; empty: nobody
	Name        Name          `toml:"name"`
	Listed      bool          `toml:"listed"`
	LAN         bool          `toml:"lan"` // find and be found on the local network
}

// Receive is what is done with files that are offered.
type Receive struct {
	Dir      string   `toml:"dir"` // from the working folder, once loaded
	Accept   Accept   `toml:"accept"`
	Conflict Conflict `toml:"conflict"`
	MaxSize  Size     `toml:"max_size"` // of a transfer; 0: no limit
}

// A Contact is a name for a peer, with rules of its own.
type Contact struct {
	GUID   identity.GUID `toml:"guid"`
	Accept bool          `toml:"accept"` // without asking
	Dir    string        `toml:"dir"`    // from the working folder, once loaded; empty: as Receive.Dir
}

// Default returns what holds where a file says nothing, and without a file.
func Default() *Config {
	return &Config{
		Mode: ModePeer,
		Server: Server{
			Listen: ":3478",
			TLS:    TLS{Enabled: true},
			Relay:  Relay{Enabled: true},
		},
		Peer: Peer{
			Transport:   TransportAuto,
			Listen:      ":0",
			Listed:      true,
			Spray:       true,
			PortMapping: true,
			LAN:         true,
		},
		Receive: Receive{
			Dir:      ".",
			Accept:   AcceptAsk,
			Conflict: ConflictRename,
		},
	}
}

// defaultContact is what a contact has where its table says nothing.
func defaultContact() Contact { return Contact{} }

// File returns the path the config was read from; empty if from none.
func (c *Config) File() string { return c.file }

// Path returns a path that the file names: relative ones are from the file's folder, and a leading ~ is the
// home folder.
func (c *Config) Path(name string) string {
	name = ExpandHome(name, c.home)
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(c.file), name)
}

// HasKey reports whether there is a secret key.
func (c *Config) HasKey() bool { return !c.SecretKey.IsZero() }

// GUID returns the GUID of the secret key; zero without one.
func (c *Config) GUID() identity.GUID {
	if !c.HasKey() {
		return identity.GUID{}
	}
	return c.SecretKey.GUID()
}
