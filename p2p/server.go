package p2p

import (
	"net"
	"net/netip"

	"p2ptool/p2p/identity"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/server"
	"p2ptool/p2p/tunnel"
	"p2ptool/p2p/udp"
)

// ServerOptions configure a Server. The zero value of each field but Key is usable.
type ServerOptions struct {
	// Key is the server's identity, which its peers pin or trust on first use.
	Key identity.SecretKey

	// Listen is the address to bind to, "host:port"; empty means ":3478". Without a host, the server listens on IPv4 and
	// IPv6. Port 0 means any free port. The server also listens on the next higher port, from which peers find out
	// how their NAT maps.
	Listen string

	// TLS is for peers whose network blocks UDP.
	TLS TLSOptions

	// Relay limits the data that is relayed between peers.
	Relay RelayOptions

	// OnVersion is called with the address and the version of a peer of another version, which cannot register; at
	// most a few times a minute. Neither is authenticated. It must not block. Nil ignores them.
	OnVersion func(addr netip.AddrPort, err *VersionError)

	// Network opens the sockets; nil means the operating system's.
	Network udp.Network

	version byte // of the protocol with peers; for tests
}

// TLSOptions configure datagrams over TLS.
type TLSOptions struct {
	Disabled bool

	// Listen is the address to bind to, "host:port"; empty: the same as for UDP. Peers try the UDP port number and
	// 443.
	Listen string

	// Certificates say where the certificate comes from; zero: it is self-signed.
	Certificates Certificates

	// ListenTCP binds to an address. Nil: the system does; with another Network TLS is disabled.
	ListenTCP func(addr string) (net.Listener, error)
}

// Certificates say where a server's TLS certificate comes from.
type Certificates = tunnel.Certificates

// RelayOptions limit the relay. The zero value means the defaults.
type RelayOptions struct {
	Disabled  bool
	LinkRate  int64 // bytes per second for each link; 0 means 32 MiB
	TotalRate int64 // bytes per second in total; 0 means 256 MiB
}

// defaultListen is the port of STUN, which the server speaks too.
const defaultListen = ":3478"

// A Server is a rendezvous server: peers register with it, find each other through it, and send through its
// relay where they have no direct path. Its methods are safe for concurrent use.
type Server struct {
	key    identity.PublicKey
	server *server.Server
}

// ServerStats are the current numbers of a Server.
type ServerStats = server.Stats

// NewServer binds the ports and serves until Close.
func NewServer(o ServerOptions) (*Server, error) {
	if o.Listen == "" {
		o.Listen = defaultListen
	}
	if o.Network == nil {
		o.Network = udp.System{}
	}
	if o.version == 0 {
		o.version = rendezvous.ServerVersion
	}
	c := server.Config{Key: o.Key, Network: o.Network, Listen: o.Listen, Relay: server.RelayConfig(o.Relay), Version: o.version}
	if report := o.OnVersion; report != nil {
		c.OnVersion = func(from netip.AddrPort, theirs byte) {
			report(from, &VersionError{Theirs: theirs, Ours: o.version})
		}
	}
	if _, system := o.Network.(udp.System); !o.TLS.Disabled && (system || o.TLS.ListenTCP != nil) {
		config, err := tunnel.ServerTLS(o.TLS.Certificates)
		if err != nil {
			return nil, err
		}
		c.Tunnel = server.TunnelConfig{TLS: config, Listen: o.TLS.Listen, ListenTCP: o.TLS.ListenTCP}
	}
	s, err := server.Listen(c)
	if err != nil {
		return nil, err
	}
	return &Server{key: o.Key.Public(), server: s}, nil
}

// Addr returns the address that the server listens on, with the port that was
// bound; an unspecified IPv6 address stands for both families.
func (s *Server) Addr() netip.AddrPort { return s.server.Addr() }

// TLSAddr returns the TCP address that it listens on; nil: none.
func (s *Server) TLSAddr() net.Addr { return s.server.StreamAddr() }

// Key returns the server's public key.
func (s *Server) Key() identity.PublicKey { return s.key }

// Stats returns the current counters.
func (s *Server) Stats() ServerStats { return s.server.Stats() }

// Close closes the sockets and waits for the server's goroutines. It does not notify the peers: their links go
// on, and they register with the next server at this address. Twice is fine.
func (s *Server) Close() error { return s.server.Close() }
