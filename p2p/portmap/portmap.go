// Package portmap asks the router of this host to forward a UDP port to it, by PCP (RFC 6887),
// NAT-PMP (RFC 6886) or UPnP IGD, in this order of preference. It keeps the mapping, notices when the
// router has lost it, and removes it at the end.
//
// It supports only IPv4: IPv6 needs no mapping. A mapping leads to this host's own port, never to
// another host.
//
// Whom it trusts: the router can do no more than it can anyway, which is to drop packets. Only
// its own address is used, for UPnP too: a device description elsewhere, or a redirect, is an
// error. Its answers are bounded in length and time. The external address is a claim.
//
// PCP messages, in network byte order. A request for a mapping (opcode 1) has 60 bytes, an
// announcement (opcode 0) the first 24. Brackets show the fields of a response:
//
//	 0  version, 1: 2
//	 1  opcode, 1           [with 0x80]
//	 2  reserved, 1
//	 3  reserved, 1         [result code; 0: granted]
//	 4  lifetime, 4         seconds; 0: withdraw
//	 8  host's address, 16  [epoch, 4; reserved, 12]
//	24  nonce, 12           the same in all messages about a mapping
//	36  protocol, 1: 17     UDP
//	37  reserved, 3
//	40  internal port, 2
//	42  external port, 2    suggested [assigned]
//	44  external address, 16
//
// NAT-PMP messages. A request for the external address has 2 bytes, one for a mapping 12:
//
//	0  version, 1: 0
//	1  opcode, 1            0: the address, 1: map UDP
//	2  reserved, 2
//	4  internal port, 2
//	6  external port, 2     suggested
//	8  lifetime, 4          seconds; 0: withdraw
//
// The responses have 12 and 16 bytes:
//
//	0  version, 1: 0
//	1  opcode, 1            with 0x80
//	2  result code, 2       0: granted
//	4  epoch, 4             seconds since the router lost its mappings
//	8  address, 4           or internal port, 2; external port, 2; lifetime, 4
package portmap

import (
	"errors"
	"fmt"
	"net/netip"
)

// A Protocol is a port mapping protocol.
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

// Reasons why there is no mapping; test with errors.Is.
var (
	ErrNoRouter = errors.New("there is no router between this host and the internet")
	ErrSilent   = errors.New("does not answer")
	ErrForeign  = errors.New("the device refers to a host other than the router")
)

// A ResultError is a router's refusal.
type ResultError struct {
	Protocol Protocol
	Code     int // the protocol's result code
}

// Error includes the protocol and its result code.
func (e *ResultError) Error() string {
	return fmt.Sprintf("the router refused by %v with code %d", e.Protocol, e.Code)
}

// A Status is the status of a mapping.
type Status struct {
	Router   netip.Addr     // zero: unknown
	Protocol Protocol       // of the mapping; None: no mapping
	External netip.AddrPort // the mapped address; zero: no mapping
	Err      error          // why there is no mapping
}

// String describes the status.
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

// Nested reports whether the external address is not public, because there is another NAT behind
// the router. The mapping then only works up to that NAT.
func (s Status) Nested() bool { return s.External.IsValid() && !public(s.External.Addr()) }

// shared is the address space of providers' NATs (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

func public(ip netip.Addr) bool {
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !shared.Contains(ip)
}
