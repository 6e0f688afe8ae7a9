package rendezvous

import (
	"encoding/binary"
	"net/netip"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
)

// MaxName is the most bytes that a peer's name may have.
const MaxName = 64

const (
	flagListening = 1 << 0
	flagListed    = 1 << 1
	flagStandby   = 1 << 2 // would be the listener, where there is no other
	flagFallback  = 1 << 3 // takes calls while no process of the peer listens
)

// A registration is the payload of Noise message 1 of a server session.
type registration struct {
	instance uint64
	flags    byte
	version  byte // of links
	name     string
	takes    uint32 // what it takes: a set of bits that only peers know the meaning of
}

func (m registration) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, m.instance)
	b = append(b, m.flags, m.version, byte(len(m.name)))
	return binary.BigEndian.AppendUint32(append(b, m.name...), m.takes)
}

func parseRegistration(b []byte) (m registration, err error) {
	s := cryptobyte.String(b)
	var name cryptobyte.String
	if !s.ReadUint64(&m.instance) || !s.ReadUint8(&m.flags) || !s.ReadUint8(&m.version) ||
		!s.ReadUint8LengthPrefixed(&name) || !s.ReadUint32(&m.takes) ||
		len(name) > MaxName || !utf8.Valid(name) || m.instance == 0 {
		return registration{}, errMalformed
	}
	m.name = string(name)
	return m, nil
}

// A welcome is the payload of Noise message 2 of a server session.
type welcome struct {
	seconds  uint16 // between keepalives
	observed netip.AddrPort
	second   uint16 // port of the second observer; 0: none
}

func (m welcome) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, m.seconds)
	b = appendAddr(b, m.observed)
	return binary.BigEndian.AppendUint16(b, m.second)
}

func parseWelcome(b []byte) (m welcome, err error) {
	s := cryptobyte.String(b)
	if !s.ReadUint16(&m.seconds) || !readAddr(&s, &m.observed) || !s.ReadUint16(&m.second) {
		return welcome{}, errMalformed
	}
	return m, nil
}
