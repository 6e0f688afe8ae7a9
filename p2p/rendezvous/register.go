package rendezvous

import (
	"encoding/binary"
	"net/netip"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
)

// MaxName is the most bytes of a peer's name.
const MaxName = 64

// The flags of a registration.
const (
	FlagListening = 1 << 0
	FlagListed    = 1 << 1
	FlagStandby   = 1 << 2 // the listener if there is no other
	FlagFallback  = 1 << 3 // receives calls while no process of the peer listens
)

// A Registration is the payload of Noise message 1 of a server session.
type Registration struct {
	Instance uint64
	Flags    byte
	Version  byte // of links
	Name     string
	Takes    uint32 // what the process accepts: bits that the server does not interpret
}

// Append appends the message to b.
func (m Registration) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, m.Instance)
	b = append(b, m.Flags, m.Version, byte(len(m.Name)))
	return binary.BigEndian.AppendUint32(append(b, m.Name...), m.Takes)
}

// ParseRegistration reads what Registration.Append appends. The error is ErrMalformed.
func ParseRegistration(b []byte) (m Registration, err error) {
	s := cryptobyte.String(b)
	var name cryptobyte.String
	if !s.ReadUint64(&m.Instance) || !s.ReadUint8(&m.Flags) || !s.ReadUint8(&m.Version) ||
		!s.ReadUint8LengthPrefixed(&name) || !s.ReadUint32(&m.Takes) ||
		len(name) > MaxName || !utf8.Valid(name) || m.Instance == 0 {
		return Registration{}, ErrMalformed
	}
	m.Name = string(name)
	return m, nil
}

// A Welcome is the payload of Noise message 2 of a server session.
type Welcome struct {
	Seconds  uint16 // between keepalives
	Observed netip.AddrPort
	Second   uint16 // port of the second observer; 0: none
}

// Append appends the message to b.
func (m Welcome) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, m.Seconds)
	b = AppendAddr(b, m.Observed)
	return binary.BigEndian.AppendUint16(b, m.Second)
}

// ParseWelcome reads what Welcome.Append appends. The error is ErrMalformed.
func ParseWelcome(b []byte) (m Welcome, err error) {
	s := cryptobyte.String(b)
	if !s.ReadUint16(&m.Seconds) || !readAddr(&s, &m.Observed) || !s.ReadUint16(&m.Second) {
		return Welcome{}, ErrMalformed
	}
	return m, nil
}
