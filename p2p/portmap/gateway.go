package portmap

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/libp2p/go-netroute"
)

// A Gateway is this host's first router to the internet.
type Gateway struct {
	Addr netip.Addr
	Self netip.Addr // this host's address toward it
}

// faraway is an address on the internet for a route lookup (RFC 5737). Nothing is sent to it.
var faraway = netip.MustParseAddr("192.0.2.1")

// FindGateway returns the gateway of the IPv4 default route. It returns ErrNoRouter if there is
// none.
func FindGateway() (Gateway, error) {
	routes, err := netroute.New()
	if err != nil {
		return Gateway{}, fmt.Errorf("%w: %w", ErrNoRouter, err)
	}
	_, gateway, self, err := routes.Route(net.IP(faraway.AsSlice()))
	if err != nil {
		return Gateway{}, fmt.Errorf("%w: %w", ErrNoRouter, err)
	}
	g, ok := netip.AddrFromSlice(gateway)
	s, ok2 := netip.AddrFromSlice(self)
	g, s = g.Unmap(), s.Unmap()
	if !ok || !ok2 || !g.Is4() || !s.Is4() || g.IsUnspecified() || g == s || public(g) {
		// A router with a public address is not a home router, and may take the requests for
		// an attack.
		return Gateway{}, ErrNoRouter
	}
	return Gateway{g, s}, nil
}

// dial opens a socket that is connected to the gateway's port.
func (g Gateway) dial(port uint16) (net.Conn, error) {
	from := net.UDPAddrFromAddrPort(netip.AddrPortFrom(g.Self, 0))
	return net.DialUDP("udp4", from, net.UDPAddrFromAddrPort(netip.AddrPortFrom(g.Addr, port)))
}
