package rendezvous

import (
	"encoding/binary"
	"net/netip"
	"time"

	"golang.org/x/crypto/cryptobyte"

	"p2ptool/p2p/identity"
)

// IntroductionLife is for how long a server repeats a CALL, and an INTRODUCE is recognised as the same.
const IntroductionLife = 10 * time.Second

// What an introduction is for.
type What byte

// The purposes of an introduction.
const (
	WhatNewLink What = 1 // data is Noise message 1, and message 2 the answer's
	WhatOldLink What = 2 // data is a DATA packet of a link that both have
)

// An Introduce is the body of INTRODUCE.
type Introduce struct {
	GUID     identity.GUID
	Instance uint64 // 0: the listener
	Version  byte
	What     What
	Data     []byte
}

// Append appends the message to b.
func (m Introduce) Append(b []byte) []byte {
	start := len(b)
	b = binary.BigEndian.AppendUint64(append(b, m.GUID[:]...), m.Instance)
	b = append(b, m.Version, byte(m.What))
	return Pad(appendData(b, m.Data), start+MaxBody)
}

// ParseIntroduce reads what Introduce.Append appends. The error is ErrMalformed.
func ParseIntroduce(b []byte) (m Introduce, err error) {
	s := cryptobyte.String(b)
	if len(b) < MaxBody || !s.CopyBytes(m.GUID[:]) || !s.ReadUint64(&m.Instance) ||
		!s.ReadUint8(&m.Version) || !s.ReadUint8((*byte)(&m.What)) || !readData(&s, &m.Data) {
		return Introduce{}, ErrMalformed
	}
	return m, nil
}

// A Call is the body of CALL.
type Call struct {
	Observed netip.AddrPort // of the caller
	Channel  uint64         // of the relay, the callee's side; 0: none
	Version  byte
	What     What
	Data     []byte
}

// Append appends the message to b.
func (m Call) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(AppendAddr(b, m.Observed), m.Channel)
	b = append(b, m.Version, byte(m.What))
	return appendData(b, m.Data)
}

// ParseCall reads what Call.Append appends. The error is ErrMalformed.
func ParseCall(b []byte) (m Call, err error) {
	s := cryptobyte.String(b)
	if !readAddr(&s, &m.Observed) || !s.ReadUint64(&m.Channel) || !s.ReadUint8(&m.Version) ||
		!s.ReadUint8((*byte)(&m.What)) || !readData(&s, &m.Data) {
		return Call{}, ErrMalformed
	}
	return m, nil
}

// An Answer is the body of ANSWER.
type Answer struct{ Data []byte }

// Append appends the message to b.
func (m Answer) Append(b []byte) []byte { return appendData(b, m.Data) }

// ParseAnswer reads what Answer.Append appends. The error is ErrMalformed.
func ParseAnswer(b []byte) (m Answer, err error) {
	s := cryptobyte.String(b)
	if !readData(&s, &m.Data) {
		return Answer{}, ErrMalformed
	}
	return m, nil
}

// An Introduced is the body of INTRODUCED.
type Introduced struct {
	Observed netip.AddrPort // of the callee
	Channel  uint64         // of the relay, the caller's side; 0: none
	Data     []byte
}

// Append appends the message to b.
func (m Introduced) Append(b []byte) []byte {
	return appendData(binary.BigEndian.AppendUint64(AppendAddr(b, m.Observed), m.Channel), m.Data)
}

// ParseIntroduced reads what Introduced.Append appends. The error is ErrMalformed.
func ParseIntroduced(b []byte) (m Introduced, err error) {
	s := cryptobyte.String(b)
	if !readAddr(&s, &m.Observed) || !s.ReadUint64(&m.Channel) || !readData(&s, &m.Data) {
		return Introduced{}, ErrMalformed
	}
	return m, nil
}

func appendData(b, data []byte) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(data))), data...)
}

// readData reads what appendData appends, and nothing longer than an
// introduction may carry.
func readData(s *cryptobyte.String, data *[]byte) bool {
	return s.ReadUint16LengthPrefixed((*cryptobyte.String)(data)) && len(*data) <= MaxIntroduction
}
