package cmd

import (
	"context"
	"net"
	"os"

	"p2ptool/internal/bench"
	"p2ptool/p2p/udp"
)

// A Machine replaces parts of the operating system in tests that run several whole commands in
// one process, with a simulated network and virtual time. A zero field means the real one.
type Machine struct {
	// Network opens sockets. If it is set, local discovery and port mapping are off.
	Network udp.Network

	// DialTCP and ListenTCP are for TLS. If Network is set and they are nil, TLS is off.
	DialTCP   func(ctx context.Context, network, hostport string) (net.Conn, error)
	ListenTCP func(addr string) (net.Listener, error)

	// DiskPace is that of the disks that bench measures.
	DiskPace bench.Pace

	// Signals replaces the signals of the process.
	Signals <-chan os.Signal
}
