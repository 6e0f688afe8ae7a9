// Package p2p connects peers that know each other by GUID, through NATs and firewalls, and gives them encrypted
// links with streams and datagrams.
//
// To call a peer, create one of your own and open a stream:
//
//	peer, err := p2p.NewPeer(p2p.PeerOptions{Key: key, Server: "rendezvous.example.org:3478"})
//	...
//	defer peer.Close()
//	link, err := peer.Connect(ctx, guid, p2p.ConnectOptions{})
//	...
//	stream, err := link.OpenStream("greeting")
//	...
//	fmt.Fprint(stream, "hello")
//	stream.CloseWrite()
//
// The called peer handles streams by kind:
//
//	peer, err := p2p.NewPeer(p2p.PeerOptions{
//		Key:    key,
//		Server: "rendezvous.example.org:3478",
//		Handlers: map[string]func(*p2p.Link, *p2p.Stream){
//			"greeting": func(link *p2p.Link, stream *p2p.Stream) { io.Copy(os.Stdout, stream) },
//		},
//	})
//
// Both register with a server, which introduces them to each other:
//
//	server, err := p2p.NewServer(p2p.ServerOptions{Key: serverKey})
//	...
//	defer server.Close()
//
// Keys come from identity.GenerateKey; a peer's GUID is derived from its key. Peers that know each other's address, or
// share a local network, need no server: see ConnectOptions.Addr and PeerOptions.LAN.
//
// # Links
//
// A Link is an authenticated, encrypted session between two processes. It carries reliable streams in both directions
// and unreliable datagrams. A link uses one path at a time, direct or relayed by the server, and switches to a better
// one when there is one: its streams pause at most. It ends when either side closes it, or after two minutes of
// silence.
//
// Connect returns an existing link if one meets its options, so everything that a process does with a peer shares one
// link. Close streams when you are finished with them; leave the link to Peer.Close.
//
// # Several processes with one key
//
// A peer may run as several processes with the same key: one that receives files, one that chats, one that measures
// the round-trip time.
//
//   - A call reaches one process: the newest that listens (the default), or, if none does, one with
//     PeerOptions.Fallback. A process with PeerOptions.Calling is never called. ConnectOptions.Kind skips processes
//     without a handler for that kind of streams. A process that does not answer within two seconds is skipped, too.
//   - Links are independent: a new link never ends another one, not even one with the same process.
//
// Anything that spans processes, such as a conversation that continues in another process, is up to the application.
//
// # Trust
//
// The other end of a link holds the key of its GUID, whatever the server says. The server learns who connects to whom,
// from which addresses, and how much it relays; it can refuse to serve. It can neither read nor change what a link
// carries, and cannot pose as a peer.
package p2p

import (
	"fmt"
	"net/netip"
	"time"

	"p2ptool/p2p/identity"
	"p2ptool/p2p/path"
)

// A GUID names a peer. It is derived from the peer's public key.
type GUID = identity.GUID

// PublicKey is the public key of a peer or a server.
type PublicKey = identity.PublicKey

// A PathKind is the kind of a path. The constants are ordered from best to worst. Its String is "none", "lan",
// "direct", "relay" or "tcp-relay".
type PathKind = path.Kind

const (
	PathNone     = path.None     // no path answers
	PathLAN      = path.LAN      // direct, within the local network
	PathDirect   = path.Direct   // direct, over the internet
	PathRelay    = path.Relay    // relayed by the server, over UDP
	PathTCPRelay = path.TCPRelay // relayed by the server, over TLS
)

// A Path is the path that a link's packets take.
type Path struct {
	Kind PathKind
	Addr netip.AddrPort // of the peer, or of the server if relayed
	RTT  time.Duration  // smoothed round-trip time
	// Limit is the size of the largest packet that gets through, in bytes, including the IP and UDP headers, if that
	// is smaller than on nearly every path; otherwise 0. It is measured while the path is in use.
	Limit int
}

// Why returns a clause that describes what is wrong with the path itself, or "" if nothing is.
func (p Path) Why() string {
	if p.Limit == 0 || p.Kind == PathNone {
		return ""
	}
	return fmt.Sprintf("the %s path carries packets of at most %d bytes", p.Kind, p.Limit)
}

// Require restricts the paths that a link may use.
type Require int

const (
	RequireAny    Require = iota
	RequireDirect         // direct paths only; without one, Connect returns ErrNoPath
	RequireRelay          // relayed paths only, even if a direct one exists
)

// allows reports whether a link may use a relayed path, or one that is not.
func (r Require) allows(relayed bool) bool {
	return r == RequireAny || relayed == (r == RequireRelay)
}

// PeerInfo is an entry of the server's list of peers.
type PeerInfo struct {
	GUID  GUID
	Name  string    // as the peer chose it: any UTF-8, not to be trusted
	Since time.Time // when it registered
}
