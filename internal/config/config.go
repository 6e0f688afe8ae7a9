// Package config reads the program's TOML file into typed values.
//
// It is strict: an unknown key, a value of the wrong type and an invalid value are
// problems. Load returns all of them at once, each with its file, line and key and a
// value that would be valid. A file with a secret key must not be readable by other users.
//
// The file is trusted like its owner, but nothing in it is executed. The package reads
// files and the environment that it is given, and prints nothing.
package config

import (
	"path/filepath"

	"p2ptool/internal/script"
	"p2ptool/p2p/identity"
)

// FileName is the name of a config in the working folder.
const FileName = "p2ptool.toml"

// A Config is the content of a file on top of the defaults. The tags are its keys.
type Config struct {
	Mode          Mode      `toml:"mode"`
	SecretKey     SecretKey `toml:"secret_key"`      // after Load also from SecretKeyFile
	SecretKeyFile string    `toml:"secret_key_file"` // relative to the config's folder

	Server   Server             `toml:"server"`
	Peer     Peer               `toml:"peer"`
	Receive  Receive            `toml:"receive"`
	Contacts map[string]Contact `toml:"contacts"`
	Script   []script.Step      `toml:"script"` // validated; has no run steps

	file string
	home string
}

// Server configures the server.
type Server struct {
	Listen Address `toml:"listen"`
	TLS    TLS     `toml:"tls"`
	Relay  Relay   `toml:"relay"`
}

// TLS configures TLS over TCP, for networks that block UDP.
type TLS struct {
	Enabled bool    `toml:"enabled"`
	Listen  Address `toml:"listen"` // empty: the address of Server.Listen
	Cert    string  `toml:"cert"`   // a file, see Config.Path; empty: self-signed
	Key     string  `toml:"key"`
	Domain  string  `toml:"domain"` // for a certificate of Let's Encrypt; empty: none
}

// Relay limits what the server relays.
type Relay struct {
	Enabled   bool `toml:"enabled"`
	LinkRate  Rate `toml:"link_rate"`  // per link; 0: the server's default
	TotalRate Rate `toml:"total_rate"` // in all; 0: the server's default
}

// Peer configures a peer.
type Peer struct {
	Server      ServerAddress `toml:"server"`     // empty: none
	ServerKey   PublicKey     `toml:"server_key"` // zero: trusted on first use
	Transport   Transport     `toml:"transport"`
	Listen      Address       `toml:"listen"`
	STUN        []Address     `toml:"stun"`         // additional STUN servers, at most four
	Spray       bool          `toml:"spray"`        // see p2p.PeerOptions.NoSpray
	PortMapping bool          `toml:"port_mapping"` // see p2p.PeerOptions.NoPortMapping
	Connect     string        `toml:"connect"`      // as for Config.Target; empty: none
	Name        Name          `toml:"name"`
	Listed      bool          `toml:"listed"`
	LAN         bool          `toml:"lan"` // find and be found on the local network
}

// Receive configures what happens to offered files.
type Receive struct {
	Dir      string   `toml:"dir"` // after Load absolute or relative to the working folder
	Accept   Accept   `toml:"accept"`
	Conflict Conflict `toml:"conflict"`
	MaxSize  Size     `toml:"max_size"` // of a transfer; 0: no limit
}

// A Contact is a name for a peer, with rules of its own.
type Contact struct {
	GUID   identity.GUID `toml:"guid"`
	Accept bool          `toml:"accept"` // accept files without asking
	Dir    string        `toml:"dir"`    // as Receive.Dir; empty: Receive.Dir
}

// Default returns the defaults.
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

// defaultContact returns the defaults of a contact.
func defaultContact() Contact { return Contact{} }

// File returns the path of the config, or "" without one.
func (c *Config) File() string { return c.file }

// Path resolves a path of the file. Relative paths start at the file's folder; a leading ~ is the home
// folder.
func (c *Config) Path(name string) string {
	name = ExpandHome(name, c.home)
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(c.file), name)
}

// HasKey reports whether there is a secret key.
func (c *Config) HasKey() bool { return !c.SecretKey.IsZero() }

// GUID returns the GUID of the secret key, or zero without one.
func (c *Config) GUID() identity.GUID {
	if !c.HasKey() {
		return identity.GUID{}
	}
	return c.SecretKey.GUID()
}
