package rendezvous

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/crypto/cryptobyte"

	"p2ptool/p2p/identity"
	"p2ptool/p2p/noise"
)

// A kind is what a message of a server session is.
type kind byte

const (
	kindKeepalive  kind = 1
	kindAlive      kind = 2
	kindLookup     kind = 3
	kindFound      kind = 4
	kindList       kind = 5
	kindPeers      kind = 6
	kindIntroduce  kind = 7
	kindIntroduced kind = 8
	kindCall       kind = 9
	kindAnswer     kind = 10
	kindFailed     kind = 11
	kindBye        kind = 12
	kindReplaced   kind = 13
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

// Bodies of requests are padded with zeros to these lengths, so that no answer
// is longer than its request.
const (
	maxBody       = SureDatagram - noise.Overhead - messageHeader
	maxListBody   = 1100 // of LIST and PEERS, where the path carries it
	keepaliveSize = aliveSize
	lookupSize    = foundSize

	messageHeader = 1 + 4
	aliveSize     = 2 + addrSize + 8
	foundSize     = identity.KeySize + 8 + 1
	callHeader    = addrSize + 8 + 1 + 1 + 2
	// MaxIntroduction is the most bytes of data that an introduction, or the
	// answer to it, carries.
	MaxIntroduction = maxBody - callHeader
)

// A message is what one packet of a server session carries. It is a part of
// the packet that it was parsed from.
type message struct {
	kind    kind
	request uint32 // an answer repeats that of its request; 0: none
	body    []byte
}

func (m message) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(append(b, byte(m.kind)), m.request)
	return append(b, m.body...)
}

func parseMessage(b []byte) (m message, err error) {
	s := cryptobyte.String(b)
	if !s.ReadUint8((*byte)(&m.kind)) || !s.ReadUint32(&m.request) {
		return message{}, errMalformed
	}
	m.body = s
	return m, nil
}

// pad appends zeros until b is size bytes long.
func pad(b []byte, size int) []byte {
	if len(b) >= size {
		return b
	}
	return append(b, make([]byte, size-len(b))...)
}

// A keepalive is the body of KEEPALIVE.
type keepalive struct {
	token uint64 // from ALIVE, to prove a new address; 0: none
}

// Append appends the body, in a packet of the least size.
func (m keepalive) Append(b []byte) []byte { return m.appendIn(b, keepaliveSize) }

// appendIn appends the body, so long that it has size bytes.
func (m keepalive) appendIn(b []byte, size int) []byte {
	return pad(binary.BigEndian.AppendUint64(b, m.token), len(b)+size)
}

func parseKeepalive(b []byte) (m keepalive, err error) {
	s := cryptobyte.String(b)
	if len(b) < keepaliveSize || !s.ReadUint64(&m.token) {
		return keepalive{}, errMalformed
	}
	return m, nil
}

// An alive is the body of ALIVE and of REPLACED.
type alive struct {
	seconds  uint16 // to the next keepalive
	observed netip.AddrPort
	token    uint64 // to be returned at once, if not 0
}

func (m alive) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, m.seconds)
	b = appendAddr(b, m.observed)
	return binary.BigEndian.AppendUint64(b, m.token)
}

func parseAlive(b []byte) (m alive, err error) {
	s := cryptobyte.String(b)
	if !s.ReadUint16(&m.seconds) || !readAddr(&s, &m.observed) || !s.ReadUint64(&m.token) {
		return alive{}, errMalformed
	}
	return m, nil
}

// A lookup is the body of LOOKUP.
type lookup struct {
	guid     identity.GUID
	instance uint64 // 0: the process that gets the calls
	takes    uint32 // the bits that it has to take; of an instance they do not count
}

func (m lookup) Append(b []byte) []byte {
	start := len(b)
	b = binary.BigEndian.AppendUint64(append(b, m.guid[:]...), m.instance)
	return pad(binary.BigEndian.AppendUint32(b, m.takes), start+lookupSize)
}

func parseLookup(b []byte) (m lookup, err error) {
	s := cryptobyte.String(b)
	if len(b) < lookupSize || !s.CopyBytes(m.guid[:]) || !s.ReadUint64(&m.instance) || !s.ReadUint32(&m.takes) {
		return lookup{}, errMalformed
	}
	return m, nil
}

// A found is the body of FOUND.
type found struct {
	key      [identity.KeySize]byte
	instance uint64
	version  byte // of links
}

func (m found) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(append(b, m.key[:]...), m.instance)
	return append(b, m.version)
}

func parseFound(b []byte) (m found, err error) {
	s := cryptobyte.String(b)
	if !s.CopyBytes(m.key[:]) || !s.ReadUint64(&m.instance) || !s.ReadUint8(&m.version) {
		return found{}, errMalformed
	}
	return m, nil
}

func appendFailed(b []byte, c Code) []byte { return append(b, byte(c)) }

func parseFailed(b []byte) (Code, error) {
	if len(b) < 1 {
		return 0, errMalformed
	}
	return Code(b[0]), nil
}
