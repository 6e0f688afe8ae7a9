package rendezvous

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/crypto/cryptobyte"

	"p2ptool/p2p/identity"
	"p2ptool/p2p/noise"
)

// The first byte of a datagram. Values below TypeHello are STUN's.
const (
	TypeHello    = 4
	TypeCookie   = 5
	TypeInit     = 6
	TypeResponse = 7
	TypeData     = 8
	TypeRelay    = 9
	TypeUnknown  = 10
	TypeStale    = 11
)

// A Purpose is what a session is for.
type Purpose byte

// The purposes of a session.
const (
	PurposeServer Purpose = 1 // a peer and its server
	PurposeLink   Purpose = 2 // two peers
)

// Prologue returns the prologue of the Noise handshake for a session of that
// version and purpose.
func Prologue(version byte, purpose Purpose) string {
	what := "server"
	if purpose == PurposeLink {
		what = "link"
	}
	return fmt.Sprintf("p2ptool %d %s", version, what)
}

const (
	// MaxDatagram is the length that every datagram keeps to.
	MaxDatagram = 1200
	// SureDatagram is the length of one that every IPv4 path carries: 576 bytes (RFC 791) less the
	// headers of IP and UDP. All that a session cannot do without keeps to it.
	SureDatagram = 576 - 20 - 8
	// RelayOverhead is what stands before a DATA packet on the relay.
	RelayOverhead = 1 + 8

	helloSize   = 128
	unknownSize = 1 + 4 + tagSize
	tagSize     = 16 // of a DATA packet, at its end
	staleSize   = 1 + 8
	initHeader  = 40
	respHeader  = 12
	minRelayed  = RelayOverhead + noise.Overhead
	nonceSize   = 16
	cookieSize  = 16
)

// errMalformed is the error of every parser: too short, or of another kind.
var errMalformed = errors.New("datagram is malformed")

// A hello is the HELLO datagram.
type hello struct {
	version byte
	purpose Purpose
	nonce   [nonceSize]byte
}

func (m hello) Append(b []byte) []byte {
	b = append(b, TypeHello, m.version, byte(m.purpose), 0)
	b = append(b, m.nonce[:]...)
	return append(b, make([]byte, helloSize-4-nonceSize)...)
}

func parseHello(b []byte) (m hello, err error) {
	s := cryptobyte.String(b)
	if len(b) < helloSize || !readHead(&s, TypeHello, &m.version, &m.purpose) || !s.CopyBytes(m.nonce[:]) {
		return hello{}, errMalformed
	}
	return m, nil
}

// A cookieReply is the COOKIE datagram.
type cookieReply struct {
	version  byte // that the responder speaks; where it is not that of the HELLO, cookie is zero
	purpose  Purpose
	nonce    [nonceSize]byte
	key      [identity.KeySize]byte
	cookie   [cookieSize]byte
	observed netip.AddrPort
}

func (m cookieReply) Append(b []byte) []byte {
	b = append(b, TypeCookie, m.version, byte(m.purpose), 0)
	b = append(b, m.nonce[:]...)
	b = append(b, m.key[:]...)
	b = append(b, m.cookie[:]...)
	return appendAddr(b, m.observed)
}

func parseCookieReply(b []byte) (m cookieReply, err error) {
	s := cryptobyte.String(b)
	if !readHead(&s, TypeCookie, &m.version, &m.purpose) || !s.CopyBytes(m.nonce[:]) ||
		!s.CopyBytes(m.key[:]) || !s.CopyBytes(m.cookie[:]) || !readAddr(&s, &m.observed) {
		return cookieReply{}, errMalformed
	}
	return m, nil
}

// An initiation is the INIT datagram.
type initiation struct {
	version byte
	purpose Purpose
	index   uint32 // the initiator's
	nonce   [nonceSize]byte
	cookie  [cookieSize]byte
	noise   []byte // Noise message 1, to the end
}

func (m initiation) Append(b []byte) []byte {
	b = append(b, TypeInit, m.version, byte(m.purpose), 0)
	b = binary.BigEndian.AppendUint32(b, m.index)
	b = append(b, m.nonce[:]...)
	b = append(b, m.cookie[:]...)
	return append(b, m.noise...)
}

func parseInitiation(b []byte) (m initiation, err error) {
	s := cryptobyte.String(b)
	if !readHead(&s, TypeInit, &m.version, &m.purpose) || !s.ReadUint32(&m.index) ||
		!s.CopyBytes(m.nonce[:]) || !s.CopyBytes(m.cookie[:]) || len(s) < noise.Message1Overhead {
		return initiation{}, errMalformed
	}
	m.noise = s
	return m, nil
}

// A response is the RESPONSE datagram.
type response struct {
	version   byte
	purpose   Purpose
	initiator uint32 // the initiator's index
	index     uint32 // the responder's
	noise     []byte // Noise message 2, to the end
}

func (m response) Append(b []byte) []byte {
	b = append(b, TypeResponse, m.version, byte(m.purpose), 0)
	b = binary.BigEndian.AppendUint32(b, m.initiator)
	b = binary.BigEndian.AppendUint32(b, m.index)
	return append(b, m.noise...)
}

func parseResponse(b []byte) (m response, err error) {
	s := cryptobyte.String(b)
	if !readHead(&s, TypeResponse, &m.version, &m.purpose) || !s.ReadUint32(&m.initiator) ||
		!s.ReadUint32(&m.index) || len(s) < noise.Message2Overhead {
		return response{}, errMalformed
	}
	m.noise = s
	return m, nil
}

// readHead reads the four bytes that the datagrams of a handshake begin with.
func readHead(s *cryptobyte.String, typ byte, version *byte, purpose *Purpose) bool {
	var t, reserved byte
	return s.ReadUint8(&t) && t == typ && s.ReadUint8(version) && s.ReadUint8((*byte)(purpose)) && s.ReadUint8(&reserved)
}

// A tag is the authentication tag of a DATA packet, at its end. Only who sent the packet
// or saw it on its way knows it.
type tag [tagSize]byte

func tagOf(packet []byte) tag { return tag(packet[len(packet)-tagSize:]) }

// AppendUnknown appends the UNKNOWN datagram, the answer to a DATA packet: no session
// here has its index.
func AppendUnknown(b, packet []byte) []byte {
	h, _ := noise.ParseHeader(packet)
	t := tagOf(packet)
	return append(binary.BigEndian.AppendUint32(append(b, TypeUnknown), h.Index), t[:]...)
}

// parseUnknown reads an UNKNOWN datagram. The tag tells whether its sender saw the packet
// that it answers.
func parseUnknown(b []byte) (index uint32, t tag, err error) {
	if len(b) < unknownSize || b[0] != TypeUnknown {
		return 0, tag{}, errMalformed
	}
	return binary.BigEndian.Uint32(b[1:]), tag(b[5:unknownSize]), nil
}

// AppendStale appends the STALE datagram: the channel is not known, or is
// known from another address.
func AppendStale(b []byte, channel uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, TypeStale), channel)
}

// ParseStale reads a STALE datagram. Who does not know the channel, a random number,
// cannot have sent it.
func ParseStale(b []byte) (channel uint64, err error) {
	if len(b) < staleSize || b[0] != TypeStale {
		return 0, errMalformed
	}
	return binary.BigEndian.Uint64(b[1:]), nil
}

// AppendRelay appends what stands before a DATA packet that goes by way of the
// server.
func AppendRelay(b []byte, channel uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, TypeRelay), channel)
}

// ParseRelay takes a RELAY datagram apart. The packet is a part of b.
func ParseRelay(b []byte) (channel uint64, packet []byte, err error) {
	if len(b) < minRelayed || b[0] != TypeRelay || b[RelayOverhead] != TypeData {
		return 0, nil, errMalformed
	}
	return binary.BigEndian.Uint64(b[1:]), b[RelayOverhead:], nil
}
