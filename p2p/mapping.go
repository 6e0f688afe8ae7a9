package p2p

import (
	"context"
	"net/netip"
	"sync"

	"p2ptool/p2p/portmap"
)

// A PortMapping is the state of the port mapping that the router was asked for.
type PortMapping = portmap.Status

// A mapping is a peer's port mapping on its router. Nothing waits for it: once it exists, it is one more candidate.
type mapping struct {
	mapper *portmap.Mapper // nil: not wanted
	begin  sync.Once
}

// initMapping prepares the mapping. system says that the network is the operating system's; others have no router.
func (p *Peer) initMapping(system bool) {
	c := p.connFor(netip.IPv4Unspecified())
	if p.opts.NoPortMapping || !system || c == nil || c.LocalAddr().Addr().IsLoopback() {
		return
	}
	p.mapping.mapper = portmap.New(portmap.Config{
		Port:     c.LocalAddr().Port(),
		OnChange: func(portmap.Status) { p.announceCandidates() },
	})
	// Without a server, others must know the port in advance, so map it now.
	if _, port, err := splitListen(p.opts.Listen); err == nil && port != 0 && p.opts.Server == "" && !p.opts.Calling {
		p.mapPort()
	}
}

// mapPort starts asking the router, once.
func (p *Peer) mapPort() {
	m := p.mapping.mapper
	p.mapping.begin.Do(func() { p.spawn(func() { m.Run(p.ctx) }) })
}

// wantMapping starts asking the router if there seems to be a NAT: the server sees this host at a private address, or at
// one that is not the host's own. A peer that is not called wants a mapping only while it makes a link (meeting).
func (p *Peer) wantMapping(meeting bool) {
	if p.mapping.mapper == nil || p.client == nil || p.opts.Calling && !meeting {
		return
	}
	seen := p.client.View().V4.Main.Addr()
	if !seen.IsValid() || seen.IsLoopback() || !seen.IsPrivate() && p.own(seen) {
		return
	}
	p.mapPort()
}

// recheckMapping makes the mapper check the mapping, since the network may have changed.
func (p *Peer) recheckMapping() {
	if p.mapping.mapper != nil {
		p.mapping.mapper.Hint()
	}
}

// mapped returns the external address of the mapping, or the zero value.
func (p *Peer) mapped() netip.AddrPort {
	if p.mapping.mapper == nil {
		return netip.AddrPort{}
	}
	return p.mapping.mapper.Status().External
}

// PortMapping waits until the router has answered or failed to, a few seconds at most, and returns the state of this
// peer's port mapping. The router is asked after the registration or, if the peer cannot be called, with the first link.
// The error is ErrNoMapping if no mapping is wanted, ErrClosed or ctx's.
func (p *Peer) PortMapping(ctx context.Context) (PortMapping, error) {
	if p.mapping.mapper == nil {
		return PortMapping{}, ErrNoMapping
	}
	select {
	case <-p.mapping.mapper.Asked():
		return p.mapping.mapper.Status(), nil
	case <-p.ctx.Done():
		return PortMapping{}, ErrClosed
	case <-ctx.Done():
		return PortMapping{}, context.Cause(ctx)
	}
}
