// Package identity holds the keys by which peers and servers are known.
//
// A peer is its X25519 key pair. Its GUID is a UUIDv8 (RFC 9562, section 5.8)
// whose 122 free bits are the head of SHA-256 over a fixed label and the
// public key. A GUID therefore names one key: nobody else can answer to it,
// and whoever hands out a public key for it, a server or an attacker, is
// checked by hashing that key again (PublicKey.GUID).
//
// Keys are types that cannot be compared with ==, that compare in constant
// time, and of which the secret one prints as a placeholder.
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

// uncomparable makes a struct type that holds it unusable with ==.
type uncomparable [0]func()

// A GUID names a peer. It is comparable and may be a map key.
type GUID [16]byte

// ParseGUID reads a GUID in its usual form of 36 characters, or without its dashes, in any case.
// It returns an error for anything else, and for a UUID that no key has:
// one whose version is not 8 or whose variant is not that of RFC 9562.
func ParseGUID(s string) (GUID, error) {
	if len(s) != 36 && len(s) != 32 {
		return GUID{}, fmt.Errorf("%q is not a GUID: it has %d characters, not 36", s, len(s))
	}
	u, err := uuid.Parse(s)
	if err != nil {
		return GUID{}, fmt.Errorf("%q is not a GUID: %s", s, strings.ToLower(err.Error()))
	}
	if u.Version() != 8 || u.Variant() != uuid.RFC4122 {
		return GUID{}, fmt.Errorf("%q is not a peer's GUID: it is a UUID of version %d, and a peer's has version 8", s, u.Version())
	}
	return GUID(u), nil
}

// String returns the GUID in lower case, 36 characters long.
func (g GUID) String() string { return uuid.UUID(g).String() }

// IsZero reports whether g is the zero GUID, which names nobody.
func (g GUID) IsZero() bool { return g == GUID{} }

// MarshalText and UnmarshalText are String and ParseGUID.
func (g GUID) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// UnmarshalText is ParseGUID.
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

// ParsePublicKey reads the text form that String gives.
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

// IsZero reports whether k is the zero value, which is nobody's key.
func (k PublicKey) IsZero() bool { return k.Equal(PublicKey{}) }

// String returns the text form: "p2ppub-" and base64url.
func (k PublicKey) String() string { return encode(publicPrefix, k.b) }

// GUID derives the GUID that names the key's owner.
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

// A SecretKey is an X25519 key pair. It prints as a placeholder; Reveal gives
// its text form.
type SecretKey struct {
	_   uncomparable
	b   [KeySize]byte
	pub PublicKey
}

// GenerateKey makes a key from the system's randomness.
func GenerateKey() (SecretKey, error) { return generateKey(rand.Reader) }

func generateKey(r io.Reader) (SecretKey, error) {
	var b [KeySize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return SecretKey{}, fmt.Errorf("making a key: %w", err)
	}
	return newSecretKey(b)
}

// ParseSecretKey reads the text form that Reveal gives. Its errors never
// repeat what was read.
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

// Reveal returns the text form of the secret: "p2psec-" and base64url. It is
// for the configuration file and for nothing else.
func (k SecretKey) Reveal() string { return encode(secretPrefix, k.b) }

// String returns a placeholder.
func (k SecretKey) String() string { return redactedLabel }

// GoString returns a placeholder.
func (k SecretKey) GoString() string { return redactedLabel }

// Format prints a placeholder whatever the verb.
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
