package portmap

import (
	"encoding/binary"
	"errors"
	"net/netip"
)

const (
	pcpVersion      = 2
	pcpAnnounce     = 0
	pcpMap          = 1
	pcpHead         = 24
	pcpMapSize      = 60
	pcpMax          = 1100 // of any message (RFC 6887, 7)
	pcpOtherVersion = 1    // result: the router speaks another version
	response        = 0x80
	protocolUDP     = 17
)

var (
	errShort   = errors.New("malformed answer from the router")
	errOther   = errors.New("answer to another request") // is skipped
	errNothing = errors.New("the router has no external address")
)

// A pcpMessage is a request, or a response with the router's lifetime, epoch and external address.
type pcpMessage struct {
	opcode   byte
	lifetime uint32 // seconds
	self     netip.Addr
	nonce    [12]byte
	internal uint16
	external netip.AddrPort // suggested or assigned
	epoch    uint32         // seconds
}

// appendRequest appends the message as a request.
func (m pcpMessage) appendRequest(b []byte) []byte {
	self := m.self.As16()
	b = append(b, pcpVersion, m.opcode, 0, 0)
	b = binary.BigEndian.AppendUint32(b, m.lifetime)
	b = append(b, self[:]...)
	if m.opcode != pcpMap {
		return b
	}
	external := m.external.Addr()
	if !external.IsValid() {
		external = netip.IPv4Unspecified()
	}
	ip := external.As16()
	b = append(b, m.nonce[:]...)
	b = append(b, protocolUDP, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, m.internal)
	b = binary.BigEndian.AppendUint16(b, m.external.Port())
	return append(b, ip[:]...)
}

// parsePCP parses a response to the request and skips options. The error is errOther for an answer to
// another request, and a *ResultError for a refusal.
func parsePCP(b []byte, request pcpMessage) (m pcpMessage, err error) {
	if len(b) >= 8 && b[0] != pcpVersion {
		// A router that only supports NAT-PMP answers in that format.
		return m, &ResultError{PCP, pcpOtherVersion}
	}
	if len(b) < pcpHead || len(b) > pcpMax {
		return m, errShort
	}
	if b[1] != request.opcode|response {
		return m, errOther
	}
	m.opcode = request.opcode
	m.lifetime, m.epoch = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
	if m.opcode == pcpMap {
		if len(b) < pcpMapSize {
			return m, errShort
		}
		copy(m.nonce[:], b[24:])
		m.internal = binary.BigEndian.Uint16(b[40:])
		ip := netip.AddrFrom16([16]byte(b[44:60])).Unmap()
		m.external = netip.AddrPortFrom(ip, binary.BigEndian.Uint16(b[42:]))
		if m.nonce != request.nonce || b[36] != protocolUDP || m.internal != request.internal {
			return m, errOther
		}
	}
	if b[3] != 0 {
		return m, &ResultError{PCP, int(b[3])}
	}
	return m, nil
}
