package p2p

import (
	"context"
	"net/netip"

	"p2ptool/p2p/portmap"
	"p2ptool/p2p/udp"
)

// A PortMapper is the router's answer in one port mapping protocol.
type PortMapper = portmap.Answer

// MapsBy returns the names of the port mapping protocols that the router supports, best first.
func (r NetReport) MapsBy() (names []string) {
	for _, m := range r.Mappers {
		if m.Err == nil {
			names = append(names, m.Protocol.String())
		}
	}
	return names
}

// askRouter asks the router in the background which port mapping protocols it supports. It
// does not map a port. The returned function waits for the answers.
func (r NetReport) askRouter(ctx context.Context, o NetcheckOptions) func() (netip.Addr, []PortMapper) {
	if _, system := o.Network.(udp.System); !r.Translated || o.NoPortMapping || !system {
		return func() (netip.Addr, []PortMapper) { return netip.Addr{}, nil }
	}
	var router netip.Addr
	var answers []PortMapper
	done := make(chan struct{})
	go func() {
		defer close(done)
		g, all, err := portmap.Check(ctx, portmap.Config{})
		if err == nil {
			router, answers = g.Addr, all
		}
	}()
	return func() (netip.Addr, []PortMapper) {
		<-done
		return router, answers
	}
}
