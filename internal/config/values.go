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

// Mode is what a bare command does.
type Mode string

const (
	ModePeer   Mode = "peer"
	ModeServer Mode = "server"
)

// UnmarshalText accepts the modes.
func (m *Mode) UnmarshalText(b []byte) error { return oneOf(m, b, ModePeer, ModeServer) }

// Accept is whose files are taken.
type Accept string

const (
	AcceptAsk      Accept = "ask"      // on the terminal; without one nobody's
	AcceptContacts Accept = "contacts" // those of contacts
	AcceptAll      Accept = "all"      // everybody's
	AcceptNone     Accept = "none"     // nobody's
)

// UnmarshalText accepts the four values.
func (a *Accept) UnmarshalText(b []byte) error {
	return oneOf(a, b, AcceptAsk, AcceptContacts, AcceptAll, AcceptNone)
}

// Conflict is what happens to a file whose name exists already.
type Conflict string

const (
	ConflictRename    Conflict = "rename"    // it becomes "name (1).ext"
	ConflictSkip      Conflict = "skip"      // it is not taken
	ConflictOverwrite Conflict = "overwrite" // it takes the other's place
)

// UnmarshalText accepts the three values.
func (c *Conflict) UnmarshalText(b []byte) error {
	return oneOf(c, b, ConflictRename, ConflictSkip, ConflictOverwrite)
}

// Transport is how a server is reached.
type Transport string

const (
	TransportAuto Transport = "auto" // UDP, and TLS while that does not pass
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
	return fmt.Errorf("%q is not known, use %s or %s", b, strings.Join(quoted[:last], ", "), quoted[last])
}

// An Address is "host:port"; the host may be empty where one listens.
type Address string

// UnmarshalText accepts an empty text and whatever ParseAddress does.
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
		return "", fmt.Errorf("%q is not host:port, use for example \"rendezvous.example.org:3478\"", s)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("%q has no port from 0 to 65535, use for example \"rendezvous.example.org:3478\"", s)
	}
	return Address(s), nil
}

// ParseRemote checks what ParseAddress does, and that there is a host and a port
// to send to.
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

// DefaultPort is a server's where none is given.
const DefaultPort = "3478"

// A ServerAddress is "host:port" of a server to reach; the port may be left out in the file.
type ServerAddress string

// UnmarshalText accepts an empty text and whatever ParseServer does.
func (a *ServerAddress) UnmarshalText(b []byte) (err error) {
	*a = ""
	if len(b) > 0 {
		*a, err = ParseServer(string(b))
	}
	return err
}

// ParseServer does what ParseRemote does, and adds DefaultPort to a host alone.
func ParseServer(s string) (ServerAddress, error) {
	host := strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	if ip := net.ParseIP(host); ip != nil || host != "" && !strings.ContainsAny(s, ":[] /\t") {
		return ServerAddress(net.JoinHostPort(host, DefaultPort)), nil
	}
	a, err := ParseRemote(s)
	return ServerAddress(a), err
}

// remote checks that a, if not empty, names a host and a port to send to.
func (a Address) remote() error {
	host, port, _ := net.SplitHostPort(string(a))
	if n, _ := strconv.Atoi(port); a != "" && (host == "" || n == 0) {
		return fmt.Errorf("%q names no host and port to reach, use for example \"rendezvous.example.org:3478\"", a)
	}
	return nil
}

// MaxName is the most bytes a name may have, after docs/protocol.md.
const MaxName = 64

// A Name is what a peer is called in the server's list.
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
		return "", fmt.Errorf("a name of %d bytes is too long, use at most %d", len(s), MaxName)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }):
		return "", fmt.Errorf("%q holds characters that cannot be shown, use letters, digits and spaces", s)
	}
	return Name(s), nil
}

// A SecretKey is a key in the file; the zero value is none.
type SecretKey struct{ identity.SecretKey }

// UnmarshalText accepts an empty text or the text form of a key.
func (k *SecretKey) UnmarshalText(b []byte) (err error) {
	*k = SecretKey{}
	if len(b) > 0 {
		k.SecretKey, err = identity.ParseSecretKey(string(b))
	}
	if err != nil {
		return fmt.Errorf("%w, `p2ptool init` makes one", err)
	}
	return nil
}

// A PublicKey is a server's key in the file; the zero value is none.
type PublicKey struct{ identity.PublicKey }

// UnmarshalText accepts an empty text or the text form of a key.
func (k *PublicKey) UnmarshalText(b []byte) (err error) {
	*k = PublicKey{}
	if len(b) > 0 {
		k.PublicKey, err = identity.ParsePublicKey(string(b))
	}
	if err != nil {
		return fmt.Errorf("%w, use what `p2ptool serve` prints", err)
	}
	return nil
}
