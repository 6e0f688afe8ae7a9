package p2p

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"time"

	"p2ptool/p2p/identity"
	"p2ptool/p2p/udp"
)

// PeerOptions configure a Peer. Only Key is required.
type PeerOptions struct {
	// Key is the peer's secret key.
	Key identity.SecretKey

	// Server is the rendezvous server, "host:port". Without one, the peer calls others by ConnectOptions.Addr or LAN
	// only, and is called likewise.
	Server string

	// CheckServerKey returns an error unless the server at addr (Server as given) may have this key. It is called
	// before anything confidential is sent. Registered returns the error wrapped in ErrServerKey, except for an
	// *UncheckedError; the peer tries again every few seconds. Nil accepts any key.
	CheckServerKey func(addr string, key identity.PublicKey) error

	// STUN lists further servers, "host:port", that are asked for this peer's address. If they have other IP addresses
	// than Server, more can be found out about the NAT. Only the first four are used.
	STUN []string

	// NoSpray turns off birthday probing and port prediction, the last resort against a NAT that maps by endpoint:
	// up to 256 sockets opened on this side, or up to 1,024 probes within a second to ports of the peer's address.
	NoSpray bool

	// NoPortMapping keeps the peer from asking the router for a port mapping (PCP, NAT-PMP or UPnP). The router is
	// not asked if Network is set either, or if nothing suggests that there is a NAT.
	NoPortMapping bool

	// Patience is how long to wait for the server before ErrNoServer; 0 means 10 s.
	Patience time.Duration

	// LAN finds peers on the local network and makes this one findable there; nil: neither. Package lan implements it.
	LAN Discovery

	// Listen is the address to bind to, "host:port"; empty means ":0".
	Listen string

	// Calling makes a peer that calls others and cannot be called, to run beside one with the same key that listens.
	Calling bool

	// Fallback makes a peer that is called only while no process with the same key listens. A chat that joins another
	// peer uses it, to stay reachable.
	Fallback bool

	// Known reports whether the peer with this GUID is known. Links begun by all others together get a limited share of
	// memory and a limited number of places, unless Link.Trust is called. It is called from several goroutines and
	// must not block. Nil means that nobody is known.
	Known func(GUID) bool

	// Name appears in the server's list of peers if Listed is true.
	Name   string
	Listed bool

	// Handlers handle the streams that other peers open, by kind. Each call has a goroutine of its own; the stream is
	// closed when the handler returns. A stream of another kind is reset with ResetNoHandler.
	Handlers map[string]func(*Link, *Stream)

	// OnEvent is called with each event, in order, from one goroutine. It may block, but must not call Peer.Close.
	OnEvent func(Event)

	// Transport is the transport to the server.
	Transport Transport

	// Diagnostics say where the peer logs how it works.
	Diagnostics Diagnostics

	// Network opens the sockets; nil means the operating system's.
	Network udp.Network

	// DialTCP opens TCP connections to servers and proxies. Nil means the operating system's if Network is nil;
	// otherwise TCP is not used.
	DialTCP func(ctx context.Context, network, hostport string) (net.Conn, error)

	// Proxy returns the proxy for TLS connections to the server, like the field of http.Transport; nil means none.
	Proxy func(*http.Request) (*url.URL, error)

	version byte // of links; for tests
}

// A Transport is how a peer reaches its server.
type Transport int

const (
	TransportAuto Transport = iota // UDP, and TLS over TCP while UDP does not get through
	TransportUDP                   // UDP only
	TransportTLS                   // TLS over TCP only
)
