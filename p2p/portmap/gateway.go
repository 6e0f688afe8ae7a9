package portmap

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/libp2p/go-netroute"
)

// A Gateway is the router that this host's packets to the internet pass first.
type Gateway struct {
	Addr netip.Addr
	Self netip.Addr // the own address toward it
}

// faraway stands for the internet where a route is looked for; nothing is
// sent to it (RFC 5737).
var faraway = netip.MustParseAddr("192.0.2.1")

// FindGateway asks the system for the default route of IPv4. It returns
// ErrNoRouter where that leads to no other host.
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
		// A router with a public address stands at no home: it would take the
		// questions for an attack.
		return Gateway{}, ErrNoRouter
	}
	return Gateway{g, s}, nil
}

// dial opens a socket that hears the gateway's port alone.
func (g Gateway) dial(port uint16) (net.Conn, error) {
	from := net.UDPAddrFromAddrPort(netip.AddrPortFrom(g.Self, 0))
	return net.DialUDP("udp4", from, net.UDPAddrFromAddrPort(netip.AddrPortFrom(g.Addr, port)))
}
