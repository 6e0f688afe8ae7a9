package config

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"p2ptool/p2p/identity"
)

// Mode is the role that the program runs without a command.
type Mode string

const (
	ModePeer   Mode = "peer"
	ModeServer Mode = "server"
)

// UnmarshalText accepts the modes.
func (m *Mode) UnmarshalText(b []byte) error { return oneOf(m, b, ModePeer, ModeServer) }

// Accept says whose files are accepted.
type Accept string

const (
	AcceptAsk      Accept = "ask" // ask on the terminal; without one decline
	AcceptContacts Accept = "contacts"
	AcceptAll      Accept = "all"
	AcceptNone     Accept = "none"
)

// UnmarshalText accepts the four values.
func (a *Accept) UnmarshalText(b []byte) error {
	return oneOf(a, b, AcceptAsk, AcceptContacts, AcceptAll, AcceptNone)
}

// Conflict says what happens to a received file whose name exists already.
type Conflict string

const (
	ConflictRename    Conflict = "rename"    // it becomes "name (1).ext"
	ConflictSkip      Conflict = "skip"      // it is not received
	ConflictOverwrite Conflict = "overwrite" // it replaces the existing file
)

// UnmarshalText accepts the three values.
func (c *Conflict) UnmarshalText(b []byte) error {
	return oneOf(c, b, ConflictRename, ConflictSkip, ConflictOverwrite)
}

// Transport says how to reach the server.
type Transport string

const (
	TransportAuto Transport = "auto" // UDP, and TLS while UDP is blocked
	TransportUDP  Transport = "udp"
	TransportTLS  Transport = "tls"
)

// UnmarshalText accepts the three values.
func (t *Transport) UnmarshalText(b []byte) error {
	return oneOf(t, b, TransportAuto, TransportUDP, TransportTLS)
}

func oneOf[T ~string](into *T, b []byte, allowed ...T) error {
	if v := T(b); slices.Contains(allowed, v) {
		*into = v
		return nil
	}
	quoted := make([]string, len(allowed))
	for i, a := range allowed {
		quoted[i] = strconv.Quote(string(a))
	}
	last := len(quoted) - 1
	return fmt.Errorf("unknown value %q, use %s or %s", b, strings.Join(quoted[:last], ", "), quoted[last])
}

// An Address is "host:port". The host of an address to listen on may be empty.
type Address string

// UnmarshalText accepts an empty text and what ParseAddress accepts.
func (a *Address) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*a = ""
		return nil
	}
	v, err := ParseAddress(string(b))
	*a = v
	return err
}

// ParseAddress checks that s is "host:port" with a port from 0 to 65535.
func ParseAddress(s string) (Address, error) {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", fmt.Errorf("%q is not host:port, such as \"rendezvous.example.org:3478\"", s)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("%q has no port from 0 to 65535, such as \"rendezvous.example.org:3478\"", s)
	}
	return Address(s), nil
}

// ParseRemote parses like ParseAddress, and requires a host and a port that is not 0.
func ParseRemote(s string) (Address, error) {
	a, err := ParseAddress(s)
	if err == nil {
		err = a.remote()
	}
	if err != nil {
		return "", err
	}
	return a, nil
}

// DefaultPort is the default port of a server.
const DefaultPort = "3478"

// A ServerAddress is the "host:port" of a server. In the file the port is optional.
type ServerAddress string

// UnmarshalText accepts an empty text and what ParseServer accepts.
func (a *ServerAddress) UnmarshalText(b []byte) (err error) {
	*a = ""
	if len(b) > 0 {
		*a, err = ParseServer(string(b))
	}
	return err
}

// ParseServer parses like ParseRemote, but adds DefaultPort if there is no port.
func ParseServer(s string) (ServerAddress, error) {
	host := strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	if ip := net.ParseIP(host); ip != nil || host != "" && !strings.ContainsAny(s, ":[] /\t") {
		return ServerAddress(net.JoinHostPort(host, DefaultPort)), nil
	}
	a, err := ParseRemote(s)
	return ServerAddress(a), err
}

// remote checks that a, if not empty, has a host and a port that is not 0.
func (a Address) remote() error {
	host, port, _ := net.SplitHostPort(string(a))
	if n, _ := strconv.Atoi(port); a != "" && (host == "" || n == 0) {
		return fmt.Errorf("%q lacks a host or a port, such as in \"rendezvous.example.org:3478\"", a)
	}
	return nil
}

// MaxName is the largest length of a name in bytes, see docs/protocol.md.
const MaxName = 64

// A Name is the name of a peer in the server's list.
type Name string

// UnmarshalText accepts printable text of at most MaxName bytes.
func (n *Name) UnmarshalText(b []byte) error {
	v, err := ParseName(string(b))
	*n = v
	return err
}

// ParseName checks that s is printable text of at most MaxName bytes.
func ParseName(s string) (Name, error) {
	switch {
	case len(s) > MaxName:
		return "", fmt.Errorf("the name has %d bytes, use at most %d", len(s), MaxName)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }):
		return "", fmt.Errorf("%q contains characters that cannot be shown, use letters, digits and spaces", s)
	}
	return Name(s), nil
}

// A SecretKey is a secret key in the file. The zero value is no key.
type SecretKey struct{ identity.SecretKey }

// UnmarshalText accepts an empty text or the text form of a key.
func (k *SecretKey) UnmarshalText(b []byte) (err error) {
	*k = SecretKey{}
	if len(b) > 0 {
		k.SecretKey, err = identity.ParseSecretKey(string(b))
	}
	if err != nil {
		return fmt.Errorf("%w, `p2ptool init` creates one", err)
	}
	return nil
}

// A PublicKey is a server's key in the file. The zero value is no key.
type PublicKey struct{ identity.PublicKey }

// UnmarshalText accepts an empty text or the text form of a key.
func (k *PublicKey) UnmarshalText(b []byte) (err error) {
	*k = PublicKey{}
	if len(b) > 0 {
		k.PublicKey, err = identity.ParsePublicKey(string(b))
	}
	if err != nil {
		return fmt.Errorf("%w, use the key that `p2ptool serve` prints", err)
	}
	return nil
}
