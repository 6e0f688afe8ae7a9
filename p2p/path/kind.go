package path

// A PathKind tells what a path is; smaller is better.
type Kind int

const (
	None     Kind = iota // no path
	LAN                  // both ends on one network, or one host
	Direct               // from NAT to NAT, or without any
	Relay                // by way of the server
	TCPRelay             // by way of the server, over TCP
)

// Relayed reports whether packets go by way of the server.
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
