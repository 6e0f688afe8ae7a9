package path

// A Kind says how a path's packets travel. Smaller kinds are better.
type Kind int

const (
	None     Kind = iota // no path
	LAN                  // both ends are on the same network or host
	Direct               // through the peers' NATs, or without NATs
	Relay                // forwarded by the server
	TCPRelay             // forwarded by the server, in TLS over TCP
)

// Relayed reports whether the server forwards the packets.
func (k Kind) Relayed() bool { return k == Relay || k == TCPRelay }

// String returns "none", "lan", "direct", "relay" or "tcp-relay".
func (k Kind) String() string {
	switch k {
	case LAN:
		return "lan"
	case Direct:
		return "direct"
	case Relay:
		return "relay"
	case TCPRelay:
		return "tcp-relay"
	}
	return "none"
}
