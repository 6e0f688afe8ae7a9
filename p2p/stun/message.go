// Package stun determines the external address of a host, and how its NAT maps and filters. It
// implements only the part of STUN (RFC 8489) that this needs: a server answers a Binding request
// with XOR-MAPPED-ADDRESS, from another port if a CHANGE-REQUEST asks for it (RFC 5780, section 7.2).
// It does not implement authentication, other methods or other attributes.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	| 0x0001 request, 0x0101 success| length of the attributes      |
//	| magic cookie 0x2112a442                                       |
//	| id, 12 bytes                                                  |
//	| attributes: each type, 2; length, 2; value, padded to 4 bytes |
//
// The package accepts an answer only if it has the id of a request and comes from the expected
// address. Even then, the server may lie about the observed address.
package stun

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"

	"golang.org/x/crypto/cryptobyte"
)

const (
	header  = 20
	cookie  = 0x2112a442
	request = 0x0001
	success = 0x0101

	attrChange   = 0x0003 // CHANGE-REQUEST: 4 bytes of flags
	attrMapped   = 0x0020 // XOR-MAPPED-ADDRESS
	attrSoftware = 0x8022

	changeAddr = 0x04
	changePort = 0x02
)

var errMalformed = errors.New("malformed STUN message")

// An ID is the transaction id of a message.
type ID [12]byte

// A Request is a Binding request. ChangeAddr and ChangePort ask for an answer from another address
// or port.
type Request struct {
	ID         ID
	ChangeAddr bool
	ChangePort bool
}

// A Response is a Binding success response.
type Response struct {
	ID       ID
	Observed netip.AddrPort // the source of the request
}

// LooksLike reports whether a datagram has the fixed parts of a STUN message: two zero bits, a
// matching length, and the magic cookie.
func LooksLike(b []byte) bool {
	return len(b) >= header && b[0] < 4 && binary.BigEndian.Uint32(b[4:]) == cookie &&
		int(binary.BigEndian.Uint16(b[2:])) == len(b)-header && len(b)%4 == 0
}

// software is the SOFTWARE attribute of a request. With it, a request has at least 48 bytes. An answer
// has at most 44, so a server does not amplify traffic.
const software = "p2ptool                 "

// Append appends the request.
func (r Request) Append(b []byte) []byte {
	var flags uint32
	if r.ChangeAddr {
		flags |= changeAddr
	}
	if r.ChangePort {
		flags |= changePort
	}
	n := 4 + len(software)
	if flags != 0 {
		n += 8
	}
	b = appendHeader(b, request, n, r.ID)
	if flags != 0 {
		b = binary.BigEndian.AppendUint32(b, attrChange<<16|4)
		b = binary.BigEndian.AppendUint32(b, flags)
	}
	b = binary.BigEndian.AppendUint32(b, attrSoftware<<16|uint32(len(software)))
	return append(b, software...)
}

// ParseRequest parses a Binding request. It reads only the attribute CHANGE-REQUEST: without
// authentication, no other comprehension-required attribute has a meaning in a request.
func ParseRequest(b []byte) (Request, error) {
	if !LooksLike(b) || binary.BigEndian.Uint16(b) != request {
		return Request{}, errMalformed
	}
	r := Request{ID: ID(b[8:])}
	value, ok := attribute(b, attrChange)
	if !ok {
		return r, nil
	}
	var flags uint32
	if !value.ReadUint32(&flags) || !value.Empty() {
		return Request{}, errMalformed
	}
	r.ChangeAddr, r.ChangePort = flags&changeAddr != 0, flags&changePort != 0
	return r, nil
}

// Append appends the response.
func (r Response) Append(b []byte) []byte {
	ip, family := r.Observed.Addr().Unmap().AsSlice(), byte(1)
	if len(ip) == 16 {
		family = 2
	}
	b = appendHeader(b, success, 8+len(ip), r.ID)
	b = binary.BigEndian.AppendUint32(b, attrMapped<<16|uint32(4+len(ip)))
	b = append(b, 0, family)
	b = binary.BigEndian.AppendUint16(b, r.Observed.Port()^cookie>>16)
	return append(b, xor(ip, r.ID)...)
}

// ParseResponse parses a Binding success response.
func ParseResponse(b []byte) (Response, error) {
	if !LooksLike(b) || binary.BigEndian.Uint16(b) != success {
		return Response{}, errMalformed
	}
	r := Response{ID: ID(b[8:])}
	value, ok := attribute(b, attrMapped)
	if !ok {
		return Response{}, errMalformed
	}
	var err error
	r.Observed, err = parseAddr(value, r.ID)
	return r, err
}

// attribute returns the first attribute of a type.
func attribute(b []byte, wanted uint16) (value cryptobyte.String, ok bool) {
	for s := cryptobyte.String(b[header:]); !s.Empty(); {
		var typ uint16
		if !s.ReadUint16(&typ) || !s.ReadUint16LengthPrefixed(&value) || !s.Skip(-len(value)&3) {
			break
		}
		if typ == wanted {
			return value, true
		}
	}
	return nil, false
}

func parseAddr(s cryptobyte.String, id ID) (netip.AddrPort, error) {
	var reserved, family byte
	var port uint16
	if !s.ReadUint8(&reserved) || !s.ReadUint8(&family) || !s.ReadUint16(&port) ||
		(family != 1 || len(s) != 4) && (family != 2 || len(s) != 16) {
		return netip.AddrPort{}, errMalformed
	}
	ip, _ := netip.AddrFromSlice(xor(bytes.Clone(s), id))
	return netip.AddrPortFrom(ip.Unmap(), port^cookie>>16), nil
}

// xor applies the mask of RFC 8489, section 14.2, in place.
func xor(ip []byte, id ID) []byte {
	mask := append(binary.BigEndian.AppendUint32(nil, cookie), id[:]...)
	for i := range ip {
		ip[i] ^= mask[i]
	}
	return ip
}

func appendHeader(b []byte, typ uint16, length int, id ID) []byte {
	b = binary.BigEndian.AppendUint16(b, typ)
	b = binary.BigEndian.AppendUint16(b, uint16(length))
	b = binary.BigEndian.AppendUint32(b, cookie)
	return append(b, id[:]...)
}
