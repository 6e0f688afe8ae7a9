package rendezvous

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/crypto/cryptobyte"

	"p2ptool/p2p/tunnel"
)

// An endpoint is an address as it stands in datagrams and, being small and
// free of pointers, in the server's tables: an IPv6 address, or an IPv4 one in
// IPv6-mapped form, and a port. The zero value is no address.
type endpoint struct {
	ip     [16]byte
	port   uint16
	stream bool // of TCP; this does not stand in datagrams
}

// endpointOf converts an address; an IPv6 zone is lost, but for the mark of a
// stream.
func endpointOf(a netip.AddrPort) endpoint {
	if !a.IsValid() {
		return endpoint{}
	}
	return endpoint{a.Addr().As16(), a.Port(), tunnel.Marked(a.Addr())}
}

// addr returns the address, marked if it is a stream's; IPv4 addresses in their own
// form, the invalid AddrPort for the zero endpoint.
func (e endpoint) addr() netip.AddrPort {
	if e == (endpoint{}) {
		return netip.AddrPort{}
	}
	a := netip.AddrPortFrom(netip.AddrFrom16(e.ip).Unmap(), e.port)
	if e.stream {
		return tunnel.Mark(a)
	}
	return a
}

// observed returns the address as it is told to other peers: none where it is a
// stream's, for nobody but the server can send there.
func (e endpoint) observed() netip.AddrPort {
	if e.stream {
		return netip.AddrPort{}
	}
	return e.addr()
}

func (e endpoint) append(b []byte) []byte {
	return binary.BigEndian.AppendUint16(append(b, e.ip[:]...), e.port)
}

// appendProven appends the endpoint with its transport, for codes that prove
// that somebody receives there.
func (e endpoint) appendProven(b []byte) []byte {
	transport := byte(0)
	if e.stream {
		transport = 1
	}
	return append(e.append(b), transport)
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
