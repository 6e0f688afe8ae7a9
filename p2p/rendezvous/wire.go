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
	// MaxDatagram bounds every datagram between a peer and its server.
	MaxDatagram = 1200
	// SureDatagram is the longest datagram that every IPv4 path carries: 576 bytes (RFC 791) less the headers of IP
	// and UDP. Everything that a session needs fits into it.
	SureDatagram = 576 - 20 - 8
	// RelayOverhead is the length of what precedes a DATA packet in a RELAY datagram.
	RelayOverhead = 1 + 8

	HelloSize      = 128
	unknownSize    = 1 + 4 + tagSize
	tagSize        = 16 // of a DATA packet, at its end
	staleSize      = 1 + 8
	InitHeader     = 40
	ResponseHeader = 12
	MinRelayed     = RelayOverhead + noise.Overhead
	NonceSize      = 16
	CookieSize     = 16
)

// ErrMalformed is the error of every parser: too short, or of another kind.
var ErrMalformed = errors.New("datagram is malformed")

// A Hello is the HELLO datagram.
type Hello struct {
	Version byte
	Purpose Purpose
	Nonce   [NonceSize]byte
}

// Append appends the message to b.
func (m Hello) Append(b []byte) []byte {
	b = append(b, TypeHello, m.Version, byte(m.Purpose), 0)
	b = append(b, m.Nonce[:]...)
	return append(b, make([]byte, HelloSize-4-NonceSize)...)
}

// ParseHello reads what Hello.Append appends. The error is ErrMalformed.
func ParseHello(b []byte) (m Hello, err error) {
	s := cryptobyte.String(b)
	if len(b) < HelloSize || !readHead(&s, TypeHello, &m.Version, &m.Purpose) || !s.CopyBytes(m.Nonce[:]) {
		return Hello{}, ErrMalformed
	}
	return m, nil
}

// A CookieReply is the COOKIE datagram.
type CookieReply struct {
	Version  byte // that the responder speaks; where it is not that of the HELLO, cookie is zero
	Purpose  Purpose
	Nonce    [NonceSize]byte
	Key      [identity.KeySize]byte
	Cookie   [CookieSize]byte
	Observed netip.AddrPort
}

// Append appends the message to b.
func (m CookieReply) Append(b []byte) []byte {
	b = append(b, TypeCookie, m.Version, byte(m.Purpose), 0)
	b = append(b, m.Nonce[:]...)
	b = append(b, m.Key[:]...)
	b = append(b, m.Cookie[:]...)
	return AppendAddr(b, m.Observed)
}

// ParseCookieReply reads what CookieReply.Append appends. The error is ErrMalformed.
func ParseCookieReply(b []byte) (m CookieReply, err error) {
	s := cryptobyte.String(b)
	if !readHead(&s, TypeCookie, &m.Version, &m.Purpose) || !s.CopyBytes(m.Nonce[:]) ||
		!s.CopyBytes(m.Key[:]) || !s.CopyBytes(m.Cookie[:]) || !readAddr(&s, &m.Observed) {
		return CookieReply{}, ErrMalformed
	}
	return m, nil
}

// An Initiation is the INIT datagram.
type Initiation struct {
	Version byte
	Purpose Purpose
	Index   uint32 // the initiator's
	Nonce   [NonceSize]byte
	Cookie  [CookieSize]byte
	Noise   []byte // Noise message 1, to the end
}

// Append appends the message to b.
func (m Initiation) Append(b []byte) []byte {
	b = append(b, TypeInit, m.Version, byte(m.Purpose), 0)
	b = binary.BigEndian.AppendUint32(b, m.Index)
	b = append(b, m.Nonce[:]...)
	b = append(b, m.Cookie[:]...)
	return append(b, m.Noise...)
}

// ParseInitiation reads what Initiation.Append appends. The error is ErrMalformed.
func ParseInitiation(b []byte) (m Initiation, err error) {
	s := cryptobyte.String(b)
	if !readHead(&s, TypeInit, &m.Version, &m.Purpose) || !s.ReadUint32(&m.Index) ||
		!s.CopyBytes(m.Nonce[:]) || !s.CopyBytes(m.Cookie[:]) || len(s) < noise.Message1Overhead {
		return Initiation{}, ErrMalformed
	}
	m.Noise = s
	return m, nil
}

// A Response is the RESPONSE datagram.
type Response struct {
	Version   byte
	Purpose   Purpose
	Initiator uint32 // the initiator's index
	Index     uint32 // the responder's
	Noise     []byte // Noise message 2, to the end
}

// Append appends the message to b.
func (m Response) Append(b []byte) []byte {
	b = append(b, TypeResponse, m.Version, byte(m.Purpose), 0)
	b = binary.BigEndian.AppendUint32(b, m.Initiator)
	b = binary.BigEndian.AppendUint32(b, m.Index)
	return append(b, m.Noise...)
}

// ParseResponse reads what Response.Append appends. The error is ErrMalformed.
func ParseResponse(b []byte) (m Response, err error) {
	s := cryptobyte.String(b)
	if !readHead(&s, TypeResponse, &m.Version, &m.Purpose) || !s.ReadUint32(&m.Initiator) ||
		!s.ReadUint32(&m.Index) || len(s) < noise.Message2Overhead {
		return Response{}, ErrMalformed
	}
	m.Noise = s
	return m, nil
}

// readHead reads the four bytes that the datagrams of a handshake begin with.
func readHead(s *cryptobyte.String, typ byte, version *byte, purpose *Purpose) bool {
	var t, reserved byte
	return s.ReadUint8(&t) && t == typ && s.ReadUint8(version) && s.ReadUint8((*byte)(purpose)) && s.ReadUint8(&reserved)
}

// A Tag is the authentication tag of a DATA packet, its last bytes. Only the sender, and anyone who saw the
// packet, knows it.
type Tag [tagSize]byte

func TagOf(packet []byte) Tag { return Tag(packet[len(packet)-tagSize:]) }

// AppendUnknown appends the UNKNOWN datagram that answers a DATA packet.
func AppendUnknown(b, packet []byte) []byte {
	h, _ := noise.ParseHeader(packet)
	t := TagOf(packet)
	return append(binary.BigEndian.AppendUint32(append(b, TypeUnknown), h.Index), t[:]...)
}

// ParseUnknown reads an UNKNOWN datagram. The tag shows whether its sender saw the packet.
func ParseUnknown(b []byte) (index uint32, t Tag, err error) {
	if len(b) < unknownSize || b[0] != TypeUnknown {
		return 0, Tag{}, ErrMalformed
	}
	return binary.BigEndian.Uint32(b[1:]), Tag(b[5:unknownSize]), nil
}

// AppendStale appends the STALE datagram for a channel.
func AppendStale(b []byte, channel uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, TypeStale), channel)
}

// ParseStale reads a STALE datagram. A sender that does not know the channel, a random number, cannot have made
// it.
func ParseStale(b []byte) (channel uint64, err error) {
	if len(b) < staleSize || b[0] != TypeStale {
		return 0, ErrMalformed
	}
	return binary.BigEndian.Uint64(b[1:]), nil
}

// AppendRelay appends what precedes a DATA packet in a RELAY datagram.
func AppendRelay(b []byte, channel uint64) []byte {
	return binary.BigEndian.AppendUint64(append(b, TypeRelay), channel)
}

// ParseRelay reads a RELAY datagram. The packet is a part of b.
func ParseRelay(b []byte) (channel uint64, packet []byte, err error) {
	if len(b) < MinRelayed || b[0] != TypeRelay || b[RelayOverhead] != TypeData {
		return 0, nil, ErrMalformed
	}
	return binary.BigEndian.Uint64(b[1:]), b[RelayOverhead:], nil
}
