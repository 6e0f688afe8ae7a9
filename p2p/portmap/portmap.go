// Package portmap asks the router before this host to forward a UDP port to
// it: by PCP (RFC 6887), NAT-PMP (RFC 6886) or UPnP IGD, in this order of
// liking. It keeps the mapping while it is wanted, notices when the router has
// lost it, and withdraws it in the end.
//
// IPv4 alone: over IPv6 there is nothing to map. A mapping leads to the host's
// own port and to no other host.
//
// Whom it trusts: the router with no more than it can do anyway, which is to
// drop packets. Only its own address is spoken to and listened to, in UPnP too:
// a description of the device that leads elsewhere, or redirects, is an error. What it says is
// bounded in length and time. The external address is a claim.
//
// Bytes of PCP, all in network order. Request of a mapping (opcode 1), 60 bytes, and of
// an announcement (opcode 0), the first 24; in a response the fields in brackets:
//
//	 0  version, 1: 2
//	 1  opcode, 1           [with 0x80]
//	 2  reserved, 1
//	 3  reserved, 1         [result code; 0: granted]
//	 4  lifetime, 4         seconds; 0: withdraw
//	 8  own address, 16     [epoch, 4; reserved, 12]
//	24  nonce, 12           the same in all messages about a mapping
//	36  protocol, 1: 17     UDP
//	37  reserved, 3
//	40  internal port, 2
//	42  external port, 2    suggested [assigned]
//	44  external address, 16
//
// Bytes of NAT-PMP. Request of the external address, 2 bytes, and of a mapping, 12:
//
//	0  version, 1: 0
//	1  opcode, 1            0: the address, 1: map UDP
//	2  reserved, 2
//	4  internal port, 2
//	6  external port, 2     suggested
//	8  lifetime, 4          seconds; 0: withdraw
//
// Response of 12 and 16 bytes:
//
//	0  version, 1: 0
//	1  opcode, 1            with 0x80
//	2  result code, 2       0: granted
//	4  epoch, 4             seconds since the router forgot its mappings
//	8  address, 4           or internal port, 2; external port, 2; lifetime, 4
package portmap

import (
	"errors"
	"fmt"
	"net/netip"
)

// A Protocol is a way to ask a router.
type Protocol int

const (
	None Protocol = iota
	PCP
	NATPMP
	UPnP
)

// String returns "none", "PCP", "NAT-PMP" or "UPnP".
func (p Protocol) String() string {
	return [...]string{"none", "PCP", "NAT-PMP", "UPnP"}[p]
}

// Errors that tell why there is no mapping; test with errors.Is.
var (
	ErrNoRouter = errors.New("no router stands between this host and the internet")
	ErrSilent   = errors.New("does not answer")
	ErrForeign  = errors.New("the device leads to another host than the router")
)

// A ResultError is a router's refusal.
type ResultError struct {
	Protocol Protocol
	Code     int // as the protocol numbers them
}

// Error says it with the protocol's own number.
func (e *ResultError) Error() string {
	return fmt.Sprintf("the router refuses by %v, code %d", e.Protocol, e.Code)
}

// A Status is how a mapping stands.
type Status struct {
	Router   netip.Addr     // the zero value: none is known
	Protocol Protocol       // of the mapping; None: there is no mapping
	External netip.AddrPort // where the mapping listens; the zero value without one
	Err      error          // why there is none
}

// String says it in a sentence.
func (s Status) String() string {
	switch {
	case s.External.IsValid() && s.Nested():
		return fmt.Sprintf("router %v maps %v by %v, which is behind another NAT", s.Router, s.External, s.Protocol)
	case s.External.IsValid():
		return fmt.Sprintf("router %v maps %v by %v", s.Router, s.External, s.Protocol)
	case s.Err == nil:
		return "no mapping yet"
	case s.Router.IsValid():
		return fmt.Sprintf("router %v maps no port: %v", s.Router, s.Err)
	}
	return fmt.Sprintf("no port is mapped: %v", s.Err)
}

// Nested reports whether the external address is no public one, so that
// another NAT stands behind the router: the mapping reaches as far as that.
func (s Status) Nested() bool { return s.External.IsValid() && !public(s.External.Addr()) }

// shared is the space that providers' own NATs use (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

func public(ip netip.Addr) bool {
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !shared.Contains(ip)
}
