// Package identity has the keys and GUIDs that identify peers and servers.
//
// A peer is identified by its X25519 key pair. Its GUID is a UUIDv8 (RFC 9562, section 5.8) whose
// 122 free bits are the beginning of SHA-256 over a fixed label and the public key. So a GUID
// belongs to one key, and a public key from an untrusted source, such as a server, is checked by
// hashing it (PublicKey.GUID).
//
// Keys cannot be compared with ==; their Equal takes constant time. A secret key prints as a
// placeholder.
package identity

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/google/uuid"
)

// KeySize is the length in bytes of a secret and of a public key.
const KeySize = 32

const (
	guidLabel     = "p2ptool guid 1\x00"
	secretPrefix  = "p2psec-"
	publicPrefix  = "p2ppub-"
	redactedLabel = "(secret key)"
)

// uncomparable makes a struct type that contains it unusable with ==.
type uncomparable [0]func()

// A GUID identifies a peer. It is comparable and can be a map key.
type GUID [16]byte

// ParseGUID parses a GUID in its usual form of 36 characters, or without dashes, in any case. It
// returns an error for anything else, including UUIDs that belong to no key: those of another
// version than 8 or another variant than that of RFC 9562.
func ParseGUID(s string) (GUID, error) {
	if len(s) != 36 && len(s) != 32 {
		return GUID{}, fmt.Errorf("%q is not a GUID: it has %d characters, not 36", s, len(s))
	}
	u, err := uuid.Parse(s)
	if err != nil {
		return GUID{}, fmt.Errorf("%q is not a GUID: %s", s, strings.ToLower(err.Error()))
	}
	if u.Version() != 8 || u.Variant() != uuid.RFC4122 {
		return GUID{}, fmt.Errorf("%q is not a peer's GUID: it is a UUID of version %d, not 8", s, u.Version())
	}
	return GUID(u), nil
}

// String returns the GUID in lower case, 36 characters long.
func (g GUID) String() string { return uuid.UUID(g).String() }

// IsZero reports whether g is the zero GUID, which belongs to no peer.
func (g GUID) IsZero() bool { return g == GUID{} }

// MarshalText formats like String.
func (g GUID) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// UnmarshalText parses like ParseGUID.
func (g *GUID) UnmarshalText(b []byte) (err error) {
	*g, err = ParseGUID(string(b))
	return err
}

// A PublicKey is an X25519 public key.
type PublicKey struct {
	_ uncomparable
	b [KeySize]byte
}

// NewPublicKey copies the KeySize bytes of a public key.
func NewPublicKey(b []byte) (PublicKey, error) {
	if len(b) != KeySize {
		return PublicKey{}, fmt.Errorf("a public key has %d bytes, not %d", KeySize, len(b))
	}
	var k PublicKey
	copy(k.b[:], b)
	return k, nil
}

// ParsePublicKey parses the text form that String returns.
func ParsePublicKey(s string) (PublicKey, error) {
	b, err := decode(s, publicPrefix)
	if err != nil {
		return PublicKey{}, fmt.Errorf("not a public key: %w", err)
	}
	return PublicKey{b: b}, nil
}

// Bytes returns a copy of the key.
func (k PublicKey) Bytes() []byte { return append([]byte(nil), k.b[:]...) }

// Equal reports whether k and o are the same key, in constant time.
func (k PublicKey) Equal(o PublicKey) bool { return subtle.ConstantTimeCompare(k.b[:], o.b[:]) == 1 }

// IsZero reports whether k is the zero value, which is no key.
func (k PublicKey) IsZero() bool { return k.Equal(PublicKey{}) }

// String returns the text form: "p2ppub-" and base64url.
func (k PublicKey) String() string { return encode(publicPrefix, k.b) }

// GUID derives the GUID of the key's owner.
func (k PublicKey) GUID() GUID {
	h := sha256.New()
	h.Write([]byte(guidLabel))
	h.Write(k.b[:])
	var g GUID
	copy(g[:], h.Sum(nil))
	g[6] = g[6]&0x0f | 0x80 // version 8
	g[8] = g[8]&0x3f | 0x80 // variant of RFC 9562
	return g
}

// A SecretKey is an X25519 key pair. It prints as a placeholder; Reveal returns its text form.
type SecretKey struct {
	_   uncomparable
	b   [KeySize]byte
	pub PublicKey
}

// GenerateKey generates a key from the system's randomness.
func GenerateKey() (SecretKey, error) { return generateKey(rand.Reader) }

func generateKey(r io.Reader) (SecretKey, error) {
	var b [KeySize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return SecretKey{}, fmt.Errorf("generating a key: %w", err)
	}
	return newSecretKey(b)
}

// ParseSecretKey parses the text form that Reveal returns. Its errors never contain the text.
func ParseSecretKey(s string) (SecretKey, error) {
	b, err := decode(strings.TrimSpace(s), secretPrefix)
	if err != nil {
		return SecretKey{}, fmt.Errorf("not a secret key: %w", err)
	}
	return newSecretKey(b)
}

func newSecretKey(b [KeySize]byte) (SecretKey, error) {
	k, err := ecdh.X25519().NewPrivateKey(b[:])
	if err != nil {
		return SecretKey{}, errors.New("not a secret key")
	}
	pub, err := NewPublicKey(k.PublicKey().Bytes())
	return SecretKey{b: b, pub: pub}, err
}

// Public returns the public half.
func (k SecretKey) Public() PublicKey { return k.pub }

// GUID derives the GUID of the key's owner.
func (k SecretKey) GUID() GUID { return k.pub.GUID() }

// IsZero reports whether k is the zero value, which is not a key.
func (k SecretKey) IsZero() bool { return k.pub.IsZero() }

// Bytes returns a copy of the secret.
func (k SecretKey) Bytes() []byte { return append([]byte(nil), k.b[:]...) }

// Reveal returns the text form of the secret: "p2psec-" and base64url. Use it only for the
// config.
func (k SecretKey) Reveal() string { return encode(secretPrefix, k.b) }

// String returns a placeholder.
func (k SecretKey) String() string { return redactedLabel }

// GoString returns a placeholder.
func (k SecretKey) GoString() string { return redactedLabel }

// Format prints a placeholder for any verb.
func (k SecretKey) Format(f fmt.State, _ rune) { io.WriteString(f, redactedLabel) }

// MarshalText returns a placeholder, so that no encoder writes the secret.
func (k SecretKey) MarshalText() ([]byte, error) { return []byte(redactedLabel), nil }

func encode(prefix string, b [KeySize]byte) string {
	return prefix + base64.RawURLEncoding.EncodeToString(b[:])
}

func decode(s, prefix string) (b [KeySize]byte, err error) {
	rest, ok := strings.CutPrefix(s, prefix)
	if !ok {
		return b, fmt.Errorf("it does not begin with %q", prefix)
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(rest)
	if err != nil || len(raw) != KeySize {
		return b, fmt.Errorf("after %q it is not %d bytes of base64url", prefix, KeySize)
	}
	copy(b[:], raw)
	return b, nil
}
