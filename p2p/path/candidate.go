// Package path manages the paths of a link. It decides which candidates to probe and when, which
// paths are valid, lost or in use, and how large their datagrams are. A Manager does this for one
// link. It does no I/O and has no clock: the caller passes the current time to each method, sends
// what Probes returns, and calls Advance at the time that Deadline returns. The other types are
// values: candidates, NATs, port ranges, schedules.
//
// The terms are those of RFC 4787 (mapping, filtering) and RFC 8445 (candidate, host,
// server-reflexive).
//
// The package does not trust the addresses that a peer or a server names: a peer could name someone
// else's address as its candidate. Only addresses at which the server saw the peer get a full
// schedule of probes. Others get the few probes of NewShortSchedule.
package path

import (
	"encoding/binary"
	"errors"
	"net/netip"
)

// MaxCandidates is how many candidates a peer may name.
const MaxCandidates = 16

// A CandidateKind says how a peer found a candidate.
type CandidateKind byte

const (
	Host                 CandidateKind = 1 // an address of one of its interfaces
	ServerReflexive      CandidateKind = 2 // the address that the server saw
	ServerReflexiveOther CandidateKind = 3 // the address that the server's second port saw
	Mapped               CandidateKind = 4 // a port mapping on its router
	Configured           CandidateKind = 5 // from its configuration
)

// String returns the kind as one word.
func (k CandidateKind) String() string {
	switch k {
	case Host:
		return "host"
	case ServerReflexive, ServerReflexiveOther:
		return "observed"
	case Mapped:
		return "mapped"
	case Configured:
		return "configured"
	}
	return "unknown"
}

// A Candidate is an address at which a peer may be reached.
type Candidate struct {
	Kind CandidateKind
	Addr netip.AddrPort
}

const (
	// AddrSize is the length of an address as AppendAddr writes it.
	AddrSize      = 18
	candidateSize = 1 + AddrSize
)

var errCandidates = errors.New("malformed candidates")

// AppendAddr appends an address: a 16-byte IPv6 or IPv4-mapped IPv6 address, and
// the port. It omits the zone, which means nothing on other hosts.
func AppendAddr(b []byte, a netip.AddrPort) []byte {
	ip := a.Addr().As16()
	b = append(b, ip[:]...)
	return binary.BigEndian.AppendUint16(b, a.Port())
}

// ParseAddr parses an address that AppendAddr wrote. b must have at least
// AddrSize bytes.
func ParseAddr(b []byte) netip.AddrPort {
	ip := netip.AddrFrom16([16]byte(b)).Unmap()
	return netip.AddrPortFrom(ip, binary.BigEndian.Uint16(b[16:]))
}

// AppendCandidates appends a one-byte count and at most MaxCandidates
// candidates.
func AppendCandidates(b []byte, cs []Candidate) []byte {
	cs = cs[:min(len(cs), MaxCandidates)]
	b = append(b, byte(len(cs)))
	for _, c := range cs {
		b = AppendAddr(append(b, byte(c.Kind)), c.Addr)
	}
	return b
}

// ParseCandidates parses what AppendCandidates wrote and returns the rest of b.
// It fails if b is too short or names more than MaxCandidates.
func ParseCandidates(b []byte) (cs []Candidate, rest []byte, err error) {
	if len(b) < 1 || int(b[0]) > MaxCandidates || len(b) < 1+int(b[0])*candidateSize {
		return nil, nil, errCandidates
	}
	n := int(b[0])
	for b = b[1:]; len(cs) < n; b = b[candidateSize:] {
		cs = append(cs, Candidate{CandidateKind(b[0]), ParseAddr(b[1:])})
	}
	return cs, b, nil
}

// Usable reports whether a candidate that a peer named may be probed at all. It
// excludes unspecified, multicast and broadcast addresses and port 0. It allows
// loopback addresses only if the peer may be on the same host.
func Usable(a netip.AddrPort, sameHost bool) bool {
	ip := a.Addr()
	switch {
	case !ip.IsValid(), a.Port() == 0, ip.IsUnspecified(), ip.IsMulticast(), ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return false
	case ip.IsLoopback():
		return sameHost
	}
	return true
}

// Local reports whether an address belongs to a local network: a private (RFC
// 1918, RFC 4193), link-local or loopback address.
func Local(ip netip.Addr) bool {
	return ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsLoopback()
}
