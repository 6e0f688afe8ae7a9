package rendezvous

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/crypto/cryptobyte"

	"p2ptool/p2p/tunnel"
)

// An Endpoint is an address as it stands in datagrams and, being small and
// free of pointers, in the server's tables: an IPv6 address, or an IPv4 one in
// IPv6-mapped form, and a port. The zero value is no address.
type Endpoint struct {
	ip     [16]byte
	port   uint16
	Stream bool // of TCP; this does not stand in datagrams
}

// EndpointOf converts an address; an IPv6 zone is lost, but for the mark of a
// stream.
func EndpointOf(a netip.AddrPort) Endpoint {
	if !a.IsValid() {
		return Endpoint{}
	}
	return Endpoint{a.Addr().As16(), a.Port(), tunnel.Marked(a.Addr())}
}

// Addr returns the address, marked if it is a stream's; IPv4 addresses in their own
// form, the invalid AddrPort for the zero endpoint.
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

// Observed returns the address as it is told to other peers: none where it is a
// stream's, for nobody but the server can send there.
func (e Endpoint) Observed() netip.AddrPort {
	if e.Stream {
		return netip.AddrPort{}
	}
	return e.Addr()
}

func (e Endpoint) append(b []byte) []byte {
	return binary.BigEndian.AppendUint16(append(b, e.ip[:]...), e.port)
}

// AppendProven appends the endpoint with its transport, for codes that prove
// that somebody receives there.
func (e Endpoint) AppendProven(b []byte) []byte {
	transport := byte(0)
	if e.Stream {
		transport = 1
	}
	return append(e.append(b), transport)
}

const addrSize = 18

func AppendAddr(b []byte, a netip.AddrPort) []byte { return EndpointOf(a).append(b) }

func readAddr(s *cryptobyte.String, a *netip.AddrPort) bool {
	var e Endpoint
	if !s.CopyBytes(e.ip[:]) || !s.ReadUint16(&e.port) {
		return false
	}
	*a = e.Addr()
	return true
}
