package p2p

import "net/netip"

// An Event is one of Registered, ServerLost, ServerRefused, Replaced, Restored, Connected, PathChanged, PathLost,
// Disconnected and Incompatible. PeerOptions.OnEvent receives them.
type Event interface{ event() }

type (
	// Registered reports that the peer is registered with the server, now or again, or that the transport to the
	// server has changed.
	Registered struct {
		Server   string         // as in PeerOptions
		Observed netip.AddrPort // this peer's address as the server sees it, for the transport in use
		TLS      bool           // the transport is TLS over TCP
	}
	// ServerLost reports that the server stopped answering. Links are not affected.
	ServerLost struct{ Server string }
	// ServerRefused reports that the server has an unexpected key or runs another version: Err wraps ErrServerKey or
	// ErrVersion. The peer keeps trying until it can register (Registered). The event comes once, and not while
	// a call that waits for the server fails with the same error.
	ServerRefused struct {
		Server string
		Err    error
	}
	// Replaced reports that a newer process with the same key listens: calls no longer reach this one.
	Replaced struct{}
	// Restored reports that the newer process has gone: calls reach this one again.
	Restored struct{}
	// Connected reports that a link is up, whichever side began it.
	Connected struct {
		Link *Link
		Path Path
	}
	// PathChanged reports that a link uses another path.
	PathChanged struct {
		Link *Link
		Path Path
	}
	// PathLost reports that no path of a link answers. PathChanged follows when one does; after two minutes without,
	// the link ends.
	PathLost struct{ Link *Link }
	// Disconnected reports that a link has ended, and why: see Link.Err.
	Disconnected struct {
		Link *Link
		Err  error
	}
	// Incompatible reports that a peer with another version of the protocol tried to connect. Neither its address nor
	// its version is authenticated. After three such events there is at most one a minute.
	Incompatible struct {
		Addr  netip.AddrPort
		Error *VersionError
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
