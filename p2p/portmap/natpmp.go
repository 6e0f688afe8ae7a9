package portmap

import (
	"encoding/binary"
	"net/netip"
)

const (
	pmpAddress     = 0
	pmpMapUDP      = 1
	pmpHead        = 8
	pmpAddressSize = 12
	pmpMapSize     = 16
)

// A pmpMessage is a request or a response of NAT-PMP.
type pmpMessage struct {
	opcode   byte
	epoch    uint32     // seconds; in responses
	address  netip.Addr // external; in responses
	internal uint16
	external uint16 // suggested or assigned
	lifetime uint32 // seconds
}

// appendRequest appends the message as a request.
func (m pmpMessage) appendRequest(b []byte) []byte {
	b = append(b, 0, m.opcode)
	if m.opcode == pmpAddress {
		return b
	}
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint16(b, m.internal)
	b = binary.BigEndian.AppendUint16(b, m.external)
	return binary.BigEndian.AppendUint32(b, m.lifetime)
}

// parsePMP parses a response to the request. The error is errOther for an answer to another request,
// and a *ResultError for a refusal.
func parsePMP(b []byte, request pmpMessage) (m pmpMessage, err error) {
	if len(b) < pmpHead {
		return m, errShort
	}
	if b[0] != 0 || b[1] != request.opcode|response {
		return m, errOther
	}
	if code := binary.BigEndian.Uint16(b[2:]); code != 0 {
		return m, &ResultError{NATPMP, int(code)}
	}
	m.opcode, m.epoch = request.opcode, binary.BigEndian.Uint32(b[4:])
	if m.opcode == pmpAddress {
		if len(b) < pmpAddressSize {
			return m, errShort
		}
		m.address = netip.AddrFrom4([4]byte(b[8:12]))
		return m, nil
	}
	if len(b) < pmpMapSize {
		return m, errShort
	}
	m.internal, m.external = binary.BigEndian.Uint16(b[8:]), binary.BigEndian.Uint16(b[10:])
	m.lifetime = binary.BigEndian.Uint32(b[12:])
	if m.internal != request.internal {
		return m, errOther
	}
	return m, nil
}
