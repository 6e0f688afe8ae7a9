// Package p2p connects peers that are known by GUID.
//
// A Peer registers with a rendezvous Server, finds other peers by GUID, punches
// through the NATs between them and gives a Link: an authenticated, encrypted
// session with reliable streams and unreliable datagrams. A link lives on
// while the paths under it change, from relay to direct and back.
//
// A peer may run as several processes at a time, with one key: one that waits for files,
// one that chats, one that asks for a round trip. What they share, and what they do not:
//
//   - A call asks the server, or the local network, for one process of a peer: the
//     newest that listens (the default of PeerOptions), else one that is there as a
//     Fallback, never one that is Calling. ConnectOptions.Kind passes by processes that do not take the
//     streams in question. A process that does not answer for two seconds is passed by too.
//   - A link is between two processes, the one that called and the one that was
//     called. Streams of any kind share it, in both directions, whoever began it. A new link ends no
//     other: not with the same peer, not with the same process. It ends when either side
//     closes it, or when its own other end is silent.
//   - Connect gives a link that is up where that will do, so that whatever a process does
//     with a peer shares one. Who gets a link from it does not own it alone:
//     close the streams, and the link only with the Peer.
//
// What spans processes is up to the application. A conversation, say, is with a peer, and
// goes on while there is a process on the other side that takes part in it.
//
// Whom it trusts: a link's other end is the holder of the key that its GUID is
// derived from, whatever the server says. The server is trusted with nothing
// but availability: it learns who wants to talk to whom, from which address and
// how much is relayed, and can refuse to serve.
package p2p

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"p2ptool/p2p/identity"
	"p2ptool/p2p/path"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/handshake"
	"p2ptool/p2p/udp"
)

// Errors that tell why something could not be done; test with errors.Is.
var (
	ErrOwnGUID    = errors.New("that is your own GUID")
	ErrOffline    = errors.New("peer is not online")
	ErrRefused    = errors.New("refused by the peer")
	ErrNoPath     = errors.New("no path to the peer")
	ErrNoServer   = errors.New("server does not answer")
	ErrServerKey  = errors.New("server's key is not the expected one")
	ErrNotServing = errors.New("no server is configured")
	ErrNoMapping  = errors.New("no port mapping is wanted")
	ErrGone       = errors.New("the peer's process has ended")
	ErrClosed     = errors.New("closed")
	ErrVersion    = rendezvous.ErrVersion
	ErrNarrow     = handshake.ErrNarrow // the server answers, but packets of 576 bytes do not get through
)

// A VersionError says that the peer or the server runs another version of the protocol, and
// which side to update. It is ErrVersion.
type VersionError = rendezvous.VersionError

// An UncheckedError of PeerOptions.CheckServerKey says that the key could not be looked up, which
// says nothing about the key.
type UncheckedError struct{ Err error }

func (e *UncheckedError) Error() string {
	return "the server's key could not be checked: " + e.Err.Error()
}
func (e *UncheckedError) Unwrap() error { return e.Err }

// A GUID names a peer.
type GUID = identity.GUID

// A PathKind tells what a path is, best first. Its String is "lan", "direct",
// "relay" or "tcp-relay".
type PathKind = path.Kind

const (
	PathNone     = path.None
	PathLAN      = path.LAN
	PathDirect   = path.Direct
	PathRelay    = path.Relay
	PathTCPRelay = path.TCPRelay
)

// A Path is the way that a link's packets take now.
type Path struct {
	Kind PathKind
	Addr netip.AddrPort // the peer's address, or the server's where relayed
	RTT  time.Duration  // smoothed round trip
	// Limit is the most bytes that a packet on the path may have, with its headers of IP
	// and UDP, where that is less than nearly every path carries; else 0. It becomes known by
	// and by.
	Limit int
}

// Why tells what is wrong with the path itself, as a clause; it is empty where nothing is.
func (p Path) Why() string {
	if p.Limit == 0 || p.Kind == PathNone {
		return ""
	}
	return fmt.Sprintf("the %s path carries packets of at most %d bytes", p.Kind, p.Limit)
}

// PeerOptions configure a Peer. The zero value of each field but Key is usable.
type PeerOptions struct {
	// Key is the peer's identity.
	Key identity.SecretKey

	// Server is the rendezvous server, "host:port". Empty: none, then only
	// ConnectOptions.Addr reaches peers and only they reach this one.
	Server string

	// CheckServerKey decides whether the server at addr (Server as given) may
	// have this key, before anything confidential is sent. Nil accepts any key. Registered
	// returns its error as ErrServerKey, unless it is an *UncheckedError; the peer tries again
	// every few seconds.
	CheckServerKey func(addr string, key identity.PublicKey) error

	// STUN are further servers, "host:port", that are asked how they see this
	// peer: at other addresses than the server's they tell more of the NAT. Of
	// more than four the first are.
	STUN []string

	// NoSpray turns off the last means to get through a NAT that maps by
	// endpoint, from either side: 256 sockets that are opened here, or up to
	// 1,024 probes within a second toward ports of the other's address.
	NoSpray bool

	// NoPortMapping keeps the peer from asking the router for a mapping of its
	// port, by PCP, NAT-PMP or UPnP. It is not asked where Network is given, or
	// nothing says that there is a NAT.
	NoPortMapping bool

	// Patience is for how long the server may not answer until that is an error;
	// 0: ten seconds.
	Patience time.Duration

	// LAN finds peers on the local network, and lets them find this one; nil: it
	// is not looked at.
	LAN Discovery

	// Listen is the address to bind to, "host:port"; empty is ":0".
	Listen string

	// Calling makes a peer that calls others and takes no calls, so that it
	// may run beside a listening one of the same key.
	Calling bool

	// Fallback makes a peer that takes calls only while no process of the same key
	// listens for them. It is for one that joins another peer, as a chat does, and
	// shall be within its reach.
	Fallback bool

	// Known reports whether a peer that calls is one that this one knows. Links of all others,
	// together, get a limited part of memory and of places, unless Link.Trust is called. It
	// is called from several goroutines and must not block; nil: nobody is known.
	Known func(GUID) bool

	// Name is shown to others in the server's list, if Listed.
	Name   string
	Listed bool

	// Handlers take the streams that other peers open, by kind. A handler runs
	// on a goroutine of its own; the stream is closed when it returns. A
	// stream of another kind is reset with ResetNoHandler.
	Handlers map[string]func(*Link, *Stream)

	// OnEvent is told what happens, in order, from one goroutine. It may block,
	// but must not call Peer.Close.
	OnEvent func(Event)

	// Transport is how the server is reached. By default it is UDP, and TLS over TCP
	// while that does not pass.
	Transport Transport

	// Network is where sockets come from; nil: the system.
	Network udp.Network

	// DialTCP makes connections of TCP to servers, and to their proxies. Nil: the system
	// does; of another Network: none are made.
	DialTCP func(ctx context.Context, network, hostport string) (net.Conn, error)

	// Proxy tells by which proxy a server is reached over TLS, as that of
	// http.Transport does; nil: by none.
	Proxy func(*http.Request) (*url.URL, error)

	// Diagnostics say where the peer logs how it works.
	Diagnostics Diagnostics

	version byte // of links; for tests
}

// A Transport is how a peer reaches its server.
type Transport int

const (
	TransportAuto Transport = iota // UDP, and TLS over TCP while that does not pass
	TransportUDP
	TransportTLS
)

// An Event is one of Registered, ServerLost, ServerRefused, Replaced, Restored, Connected,
// PathChanged, PathLost, Disconnected and Incompatible.
type Event interface{ event() }

type (
	// Registered says that the server knows this peer, now or again, or that it is reached
	// by another transport than before.
	Registered struct {
		Server   string         // as in PeerOptions
		Observed netip.AddrPort // this peer's address as the server sees it
		TLS      bool           // the server is reached by TLS over TCP, which Observed is of
	}
	// ServerLost says that the server stopped answering. Links go on.
	ServerLost struct{ Server string }
	// ServerRefused says that the server that answers has an unexpected key, or runs another
	// version; Err wraps ErrServerKey or ErrVersion. The peer tries again until it can register
	// (Registered). It comes once, and not while a call waits for the server and fails with Err.
	ServerRefused struct {
		Server string
		Err    error
	}
	// Replaced says that another process with the same key listens from now
	// on: this one is not found by others any more.
	Replaced struct{}
	// Restored says that the other process has gone, and that this one is found
	// again.
	Restored struct{}
	// Connected says that a link is up, whoever began it.
	Connected struct {
		Link *Link
		Path Path
	}
	// PathChanged says that a link's packets take another path.
	PathChanged struct {
		Link *Link
		Path Path
	}
	// PathLost says that no path of a link answers. The link waits for two
	// minutes; PathChanged says that it is back.
	PathLost struct{ Link *Link }
	// Incompatible says that a peer tried to connect that runs another version: nothing but
	// its address is known, and neither is authenticated. It comes at most once a minute, after
	// three at once.
	Incompatible struct {
		Addr  netip.AddrPort
		Error *VersionError
	}
	// Disconnected says that a link has ended, and why.
	Disconnected struct {
		Link *Link
		Err  error
	}
)

func (Registered) event()    {}
func (ServerLost) event()    {}
func (ServerRefused) event() {}
func (Replaced) event()      {}
func (Restored) event()      {}
func (Connected) event()     {}
func (PathChanged) event()   {}
func (PathLost) event()      {}
func (Disconnected) event()  {}
func (Incompatible) event()  {}

// PeerInfo is a line of the server's list.
type PeerInfo struct {
	GUID  GUID
	Name  string // as the peer gives it: not to be trusted, may hold any UTF-8
	Since time.Time
}

// Require restricts the paths that Connect is content with.
type Require int

const (
	RequireAny    Require = iota
	RequireDirect         // a path without the relay, or ErrNoPath
	RequireRelay          // the relay alone, even where a direct path exists
)
