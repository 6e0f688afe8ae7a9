package rendezvous

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/crypto/cryptobyte"
)

// An endpoint is an address as it stands in datagrams and, being small and
// free of pointers, in the server's tables: an IPv6 address, or an IPv4 one in
// IPv6-mapped form, and a port. The zero value is no address.
type endpoint struct {
	ip   [16]byte
	port uint16
}

// endpointOf converts an address; an IPv6 zone is lost.
func endpointOf(a netip.AddrPort) endpoint {
	if !a.IsValid() {
		return endpoint{}
	}
	return endpoint{a.Addr().As16(), a.Port()}
}

// addr returns the address; IPv4 addresses in their own form, the invalid
// AddrPort for the zero endpoint.
func (e endpoint) addr() netip.AddrPort {
	if e == (endpoint{}) {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(netip.AddrFrom16(e.ip).Unmap(), e.port)
}

func (e endpoint) append(b []byte) []byte {
	return binary.BigEndian.AppendUint16(append(b, e.ip[:]...), e.port)
}

const addrSize = 18

func appendAddr(b []byte, a netip.AddrPort) []byte { return endpointOf(a).append(b) }

func readAddr(s *cryptobyte.String, a *netip.AddrPort) bool {
	var e endpoint
	if !s.CopyBytes(e.ip[:]) || !s.ReadUint16(&e.port) {
		return false
	}
	*a = e.addr()
	return true
}
