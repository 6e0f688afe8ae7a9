package rendezvous

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/crypto/cryptobyte"

	"p2ptool/p2p/identity"
)

// What an introduction is for.
type What byte

// The purposes of an introduction.
const (
	WhatNewLink What = 1 // data is Noise message 1, and message 2 the answer's
	WhatOldLink What = 2 // data is a DATA packet of a link that both have
)

// An introduce is the body of INTRODUCE.
type introduce struct {
	guid     identity.GUID
	instance uint64 // 0: the listener
	version  byte
	what     What
	data     []byte
}

func (m introduce) Append(b []byte) []byte {
	start := len(b)
	b = binary.BigEndian.AppendUint64(append(b, m.guid[:]...), m.instance)
	b = append(b, m.version, byte(m.what))
	return pad(appendData(b, m.data), start+maxBody)
}

func parseIntroduce(b []byte) (m introduce, err error) {
	s := cryptobyte.String(b)
	if len(b) < maxBody || !s.CopyBytes(m.guid[:]) || !s.ReadUint64(&m.instance) ||
		!s.ReadUint8(&m.version) || !s.ReadUint8((*byte)(&m.what)) || !readData(&s, &m.data) {
		return introduce{}, errMalformed
	}
	return m, nil
}

// A call is the body of CALL.
type call struct {
	observed netip.AddrPort // of the caller
	channel  uint64         // of the relay, the callee's side; 0: none
	version  byte
	what     What
	data     []byte
}

func (m call) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(appendAddr(b, m.observed), m.channel)
	b = append(b, m.version, byte(m.what))
	return appendData(b, m.data)
}

func parseCall(b []byte) (m call, err error) {
	s := cryptobyte.String(b)
	if !readAddr(&s, &m.observed) || !s.ReadUint64(&m.channel) || !s.ReadUint8(&m.version) ||
		!s.ReadUint8((*byte)(&m.what)) || !readData(&s, &m.data) {
		return call{}, errMalformed
	}
	return m, nil
}

// An answer is the body of ANSWER.
type answer struct{ data []byte }

func (m answer) Append(b []byte) []byte { return appendData(b, m.data) }

func parseAnswer(b []byte) (m answer, err error) {
	s := cryptobyte.String(b)
	if !readData(&s, &m.data) {
		return answer{}, errMalformed
	}
	return m, nil
}

// An introduced is the body of INTRODUCED.
type introduced struct {
	observed netip.AddrPort // of the callee
	channel  uint64         // of the relay, the caller's side; 0: none
	data     []byte
}

func (m introduced) Append(b []byte) []byte {
	return appendData(binary.BigEndian.AppendUint64(appendAddr(b, m.observed), m.channel), m.data)
}

func parseIntroduced(b []byte) (m introduced, err error) {
	s := cryptobyte.String(b)
	if !readAddr(&s, &m.observed) || !s.ReadUint64(&m.channel) || !readData(&s, &m.data) {
		return introduced{}, errMalformed
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
