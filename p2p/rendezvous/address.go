package rendezvous

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/crypto/cryptobyte"

	"p2ptool/p2p/tunnel"
)

// An Endpoint is an address as in datagrams and, since it is small and free of pointers, in tables: an IPv6
// address, or an IPv4 address in IPv6-mapped form, and a port. The zero value is no address.
type Endpoint struct {
	ip     [16]byte
	port   uint16
	Stream bool // over TCP; not in datagrams
}

// EndpointOf converts an address. An IPv6 zone is lost, except for the mark of a stream.
func EndpointOf(a netip.AddrPort) Endpoint {
	if !a.IsValid() {
		return Endpoint{}
	}
	return Endpoint{a.Addr().As16(), a.Port(), tunnel.Marked(a.Addr())}
}

// Addr returns the address, marked if it is a stream's. IPv4 addresses are in their own form; the zero Endpoint
// gives the invalid AddrPort.
func (e Endpoint) Addr() netip.AddrPort {
	if e == (Endpoint{}) {
		return netip.AddrPort{}
	}
	a := netip.AddrPortFrom(netip.AddrFrom16(e.ip).Unmap(), e.port)
	if e.Stream {
		return tunnel.Mark(a)
	}
	return a
}

// Observed returns the address as other peers may know it: none for a stream, where only the server can send.
func (e Endpoint) Observed() netip.AddrPort {
	if e.Stream {
		return netip.AddrPort{}
	}
	return e.Addr()
}

func (e Endpoint) append(b []byte) []byte {
	return binary.BigEndian.AppendUint16(append(b, e.ip[:]...), e.port)
}

// AppendProven appends the endpoint and its transport, for codes that prove that somebody receives there.
func (e Endpoint) AppendProven(b []byte) []byte {
	transport := byte(0)
	if e.Stream {
		transport = 1
	}
	return append(e.append(b), transport)
}

const addrSize = 18

// AppendAddr appends an address as it stands in messages.
func AppendAddr(b []byte, a netip.AddrPort) []byte { return EndpointOf(a).append(b) }

func readAddr(s *cryptobyte.String, a *netip.AddrPort) bool {
	var e Endpoint
	if !s.CopyBytes(e.ip[:]) || !s.ReadUint16(&e.port) {
		return false
	}
	*a = e.Addr()
	return true
}
