package rendezvous

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"golang.org/x/crypto/cryptobyte"
)

// STUN (RFC 8489), as far as address discovery needs it: a Binding request is
// answered with XOR-MAPPED-ADDRESS. No authentication, no other method.
const (
	stunHeader   = 20
	stunCookie   = 0x2112a442
	stunRequest  = 0x0001
	stunSuccess  = 0x0101
	stunMapped   = 0x0020 // XOR-MAPPED-ADDRESS
	stunSoftware = 0x8022
)

// A stunID is the transaction id of a STUN message.
type stunID [12]byte

// LooksLikeSTUN reports whether a datagram has the fixed parts of a STUN
// message: two zero bits, a length that fits, the magic cookie.
func LooksLikeSTUN(b []byte) bool {
	return len(b) >= stunHeader && b[0] < 4 && binary.BigEndian.Uint32(b[4:]) == stunCookie &&
		int(binary.BigEndian.Uint16(b[2:])) == len(b)-stunHeader && len(b)%4 == 0
}

// appendStunRequest appends a Binding request. A SOFTWARE attribute makes it
// longer than any answer, so that the server amplifies nothing.
func appendStunRequest(b []byte, id stunID) []byte {
	name := "p2ptool                 " // 24 bytes: 48 in all, the answer has at most 44
	b = appendStunHeader(b, stunRequest, 4+len(name), id)
	b = binary.BigEndian.AppendUint16(b, stunSoftware)
	b = binary.BigEndian.AppendUint16(b, uint16(len(name)))
	return append(b, name...)
}

// parseStunRequest reads a Binding request. Its attributes are not looked at:
// none that must be understood has a meaning in a request without
// authentication.
func parseStunRequest(b []byte) (id stunID, err error) {
	if !LooksLikeSTUN(b) || binary.BigEndian.Uint16(b) != stunRequest {
		return stunID{}, errMalformed
	}
	return stunID(b[8:]), nil
}

// appendStunResponse appends the success response to a request from an address.
func appendStunResponse(b []byte, id stunID, from netip.AddrPort) []byte {
	ip, family := from.Addr().Unmap().AsSlice(), byte(1)
	if len(ip) == 16 {
		family = 2
	}
	b = appendStunHeader(b, stunSuccess, 8+len(ip), id)
	b = binary.BigEndian.AppendUint16(b, stunMapped)
	b = binary.BigEndian.AppendUint16(b, uint16(4+len(ip)))
	b = append(b, 0, family)
	b = binary.BigEndian.AppendUint16(b, from.Port()^stunCookie>>16)
	return append(b, stunXOR(ip, id)...)
}

// parseStunResponse reads a Binding success response.
func parseStunResponse(b []byte) (id stunID, observed netip.AddrPort, err error) {
	if !LooksLikeSTUN(b) || binary.BigEndian.Uint16(b) != stunSuccess {
		return stunID{}, netip.AddrPort{}, errMalformed
	}
	id = stunID(b[8:])
	for s := cryptobyte.String(b[stunHeader:]); !s.Empty(); {
		var typ uint16
		var value cryptobyte.String
		if !s.ReadUint16(&typ) || !s.ReadUint16LengthPrefixed(&value) || !s.Skip(-len(value)&3) {
			break
		}
		if typ == stunMapped {
			observed, err = parseStunAddr(value, id)
			return id, observed, err
		}
	}
	return stunID{}, netip.AddrPort{}, errMalformed
}

func parseStunAddr(s cryptobyte.String, id stunID) (netip.AddrPort, error) {
	var reserved, family byte
	var port uint16
	if !s.ReadUint8(&reserved) || !s.ReadUint8(&family) || !s.ReadUint16(&port) ||
		(family != 1 || len(s) != 4) && (family != 2 || len(s) != 16) {
		return netip.AddrPort{}, errMalformed
	}
	ip, _ := netip.AddrFromSlice(stunXOR(bytes.Clone(s), id))
	return netip.AddrPortFrom(ip.Unmap(), port^stunCookie>>16), nil
}

// stunXOR applies the mask of RFC 8489, section 14.2, in place.
func stunXOR(ip []byte, id stunID) []byte {
	mask := append(binary.BigEndian.AppendUint32(nil, stunCookie), id[:]...)
	for i := range ip {
		ip[i] ^= mask[i]
	}
	return ip
}

func appendStunHeader(b []byte, typ uint16, length int, id stunID) []byte {
	b = binary.BigEndian.AppendUint16(b, typ)
	b = binary.BigEndian.AppendUint16(b, uint16(length))
	b = binary.BigEndian.AppendUint32(b, stunCookie)
	return append(b, id[:]...)
}
