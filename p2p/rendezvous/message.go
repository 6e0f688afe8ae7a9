package rendezvous

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/crypto/cryptobyte"

	"p2ptool/p2p/identity"
	"p2ptool/p2p/noise"
)

// A Kind is the kind of a message of a server session.
type Kind byte

const (
	KindKeepalive  Kind = 1
	KindAlive      Kind = 2
	KindLookup     Kind = 3
	KindFound      Kind = 4
	KindList       Kind = 5
	KindPeers      Kind = 6
	KindIntroduce  Kind = 7
	KindIntroduced Kind = 8
	KindCall       Kind = 9
	KindAnswer     Kind = 10
	KindFailed     Kind = 11
	KindBye        Kind = 12
	KindReplaced   Kind = 13
)

// A Code says why a request failed.
type Code byte

// The codes of FAILED.
const (
	CodeNotFound  Code = 1 // unknown or offline
	CodeRefused   Code = 2 // by the other peer
	CodeTooMany   Code = 3 // of something that the server bounds
	CodeMalformed Code = 4 // the request makes no sense to the server
)

// Bodies of requests are padded with zeros to these lengths, so that no answer is longer than its request.
const (
	MaxBody       = SureDatagram - noise.Overhead - MessageHeader
	MaxListBody   = 1100 // of LIST and PEERS, where the path carries it
	KeepaliveSize = aliveSize
	lookupSize    = foundSize

	MessageHeader = 1 + 4
	aliveSize     = 2 + addrSize + 8
	foundSize     = identity.KeySize + 8 + 1
	callHeader    = addrSize + 8 + 1 + 1 + 2
	// MaxIntroduction is the most bytes of data that an introduction, or the
	// answer to it, carries.
	MaxIntroduction = MaxBody - callHeader
)

// A Message is what one packet of a server session carries. It is a part of
// the packet that it was parsed from.
type Message struct {
	Kind    Kind
	Request uint32 // an answer repeats that of its request; 0: none
	Body    []byte
}

// Append appends the message to b.
func (m Message) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(append(b, byte(m.Kind)), m.Request)
	return append(b, m.Body...)
}

// ParseMessage reads what Message.Append appends. The error is ErrMalformed.
func ParseMessage(b []byte) (m Message, err error) {
	s := cryptobyte.String(b)
	if !s.ReadUint8((*byte)(&m.Kind)) || !s.ReadUint32(&m.Request) {
		return Message{}, ErrMalformed
	}
	m.Body = s
	return m, nil
}

// Pad appends zeros until b is size bytes long.
func Pad(b []byte, size int) []byte {
	if len(b) >= size {
		return b
	}
	return append(b, make([]byte, size-len(b))...)
}

// A Keepalive is the body of KEEPALIVE.
type Keepalive struct {
	Token uint64 // from ALIVE, to prove a new address; 0: none
}

// Append appends the shortest body.
func (m Keepalive) Append(b []byte) []byte { return m.AppendIn(b, KeepaliveSize) }

// AppendIn appends the body, padded to size bytes.
func (m Keepalive) AppendIn(b []byte, size int) []byte {
	return Pad(binary.BigEndian.AppendUint64(b, m.Token), len(b)+size)
}

// ParseKeepalive reads what Keepalive.Append appends. The error is ErrMalformed.
func ParseKeepalive(b []byte) (m Keepalive, err error) {
	s := cryptobyte.String(b)
	if len(b) < KeepaliveSize || !s.ReadUint64(&m.Token) {
		return Keepalive{}, ErrMalformed
	}
	return m, nil
}

// An Alive is the body of ALIVE and of REPLACED.
type Alive struct {
	Seconds  uint16 // to the next keepalive
	Observed netip.AddrPort
	Token    uint64 // to be returned at once, if not 0
}

// Append appends the message to b.
func (m Alive) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, m.Seconds)
	b = AppendAddr(b, m.Observed)
	return binary.BigEndian.AppendUint64(b, m.Token)
}

// ParseAlive reads what Alive.Append appends. The error is ErrMalformed.
func ParseAlive(b []byte) (m Alive, err error) {
	s := cryptobyte.String(b)
	if !s.ReadUint16(&m.Seconds) || !readAddr(&s, &m.Observed) || !s.ReadUint64(&m.Token) {
		return Alive{}, ErrMalformed
	}
	return m, nil
}

// A Lookup is the body of LOOKUP.
type Lookup struct {
	GUID     identity.GUID
	Instance uint64 // 0: the process that receives calls
	Takes    uint32 // bits that the process must have; ignored with an instance
}

// Append appends the message to b.
func (m Lookup) Append(b []byte) []byte {
	start := len(b)
	b = binary.BigEndian.AppendUint64(append(b, m.GUID[:]...), m.Instance)
	return Pad(binary.BigEndian.AppendUint32(b, m.Takes), start+lookupSize)
}

// ParseLookup reads what Lookup.Append appends. The error is ErrMalformed.
func ParseLookup(b []byte) (m Lookup, err error) {
	s := cryptobyte.String(b)
	if len(b) < lookupSize || !s.CopyBytes(m.GUID[:]) || !s.ReadUint64(&m.Instance) || !s.ReadUint32(&m.Takes) {
		return Lookup{}, ErrMalformed
	}
	return m, nil
}

// A Found is the body of FOUND.
type Found struct {
	Key      [identity.KeySize]byte
	Instance uint64
	Version  byte // of links
}

// Append appends the message to b.
func (m Found) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(append(b, m.Key[:]...), m.Instance)
	return append(b, m.Version)
}

// ParseFound reads what Found.Append appends. The error is ErrMalformed.
func ParseFound(b []byte) (m Found, err error) {
	s := cryptobyte.String(b)
	if !s.CopyBytes(m.Key[:]) || !s.ReadUint64(&m.Instance) || !s.ReadUint8(&m.Version) {
		return Found{}, ErrMalformed
	}
	return m, nil
}

// AppendFailed appends the body of FAILED.
func AppendFailed(b []byte, c Code) []byte { return append(b, byte(c)) }

// ParseFailed reads what AppendFailed appends. The error is ErrMalformed.
func ParseFailed(b []byte) (Code, error) {
	if len(b) < 1 {
		return 0, ErrMalformed
	}
	return Code(b[0]), nil
}
