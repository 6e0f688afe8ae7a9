package cmd

import (
	"context"
	"net"
	"os"

	"p2ptool/p2p/udp"
)

// A Machine is what a command runs on, for tests that run whole commands in one
// process, on a network and in a time of their own. The zero value of each field
// is this machine's.
type Machine struct {
	// Network is where sockets come from. With another than the system's, peers on the
	// local network are not looked for, and routers are asked for nothing.
	Network udp.Network

	// DialTCP and ListenTCP are for TLS, which another Network goes without if they
	// are nil.
	DialTCP   func(ctx context.Context, network, hostport string) (net.Conn, error)
	ListenTCP func(addr string) (net.Listener, error)

	// Signals are what the process gets; nil: those of the system.
	Signals <-chan os.Signal
}
