package punch

// A PathKind tells what a path is; smaller is better.
type PathKind int

const (
	PathNone     PathKind = iota // no path
	PathLAN                      // both ends on one network, or one host
	PathDirect                   // from NAT to NAT, or without any
	PathRelay                    // by way of the server
	PathTCPRelay                 // by way of the server, over TCP
)

// Relayed reports whether packets go by way of the server.
func (k PathKind) Relayed() bool { return k == PathRelay || k == PathTCPRelay }

// String returns "none", "lan", "direct", "relay" or "tcp-relay".
func (k PathKind) String() string {
	switch k {
	case PathLAN:
		return "lan"
	case PathDirect:
		return "direct"
	case PathRelay:
		return "relay"
	case PathTCPRelay:
		return "tcp-relay"
	}
	return "none"
}
