// Package path finds and keeps the paths of a link: at what addresses a peer may be reached, when
// each is probed and how often, which paths are valid, lost or in use, and how large their datagrams
// are. A Manager does this for one link. It does no I/O and has no clock: each call gets the time,
// Probes returns what is to be sent, and Deadline when to call again. The rest are values: candidates,
// NATs, port ranges, schedules.
//
// The terms are those of RFC 4787 (mapping, filtering) and RFC 8445 (candidate, host,
// server-reflexive).
//
// It trusts neither the peer nor the server about addresses. A peer names its own candidates, and
// could name somebody else's address. So only addresses at which the server saw the peer get a
// full schedule of probes, others the few of NewShortSchedule.
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
	ServerReflexiveOther CandidateKind = 3 // the one that the server's second port saw
	Mapped               CandidateKind = 4 // a port mapping made by its router
	Configured           CandidateKind = 5 // named in its configuration
)

// String returns the kind in one word.
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

// AppendAddr appends an address: 16 bytes of IPv6, IPv4 in its mapped form,
// and the port. A zone is left out: it means nothing elsewhere.
func AppendAddr(b []byte, a netip.AddrPort) []byte {
	ip := a.Addr().As16()
	b = append(b, ip[:]...)
	return binary.BigEndian.AppendUint16(b, a.Port())
}

// ParseAddr reads what AppendAddr wrote; b has at least AddrSize bytes.
func ParseAddr(b []byte) netip.AddrPort {
	ip := netip.AddrFrom16([16]byte(b)).Unmap()
	return netip.AddrPortFrom(ip, binary.BigEndian.Uint16(b[16:]))
}

// AppendCandidates appends a count of one byte and at most MaxCandidates
// candidates.
func AppendCandidates(b []byte, cs []Candidate) []byte {
	cs = cs[:min(len(cs), MaxCandidates)]
	b = append(b, byte(len(cs)))
	for _, c := range cs {
		b = AppendAddr(append(b, byte(c.Kind)), c.Addr)
	}
	return b
}

// ParseCandidates reads what AppendCandidates wrote and returns the rest of b.
// It fails on a short input and on more than MaxCandidates.
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

// Usable reports whether a candidate that a peer named may be probed at all:
// not an unspecified or multicast address, not port 0, and a loopback address
// only when the peer may be on this very host.
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

// Local reports whether an address is of a local network: private (RFC 1918,
// RFC 4193), link-local or loopback.
func Local(ip netip.Addr) bool {
	return ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsLoopback()
}
