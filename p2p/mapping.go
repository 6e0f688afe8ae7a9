package p2p

import (
	"context"
	"net/netip"
	"sync"

	"p2ptool/p2p/portmap"
)

// A PortMapping is how the mapping stands that the router was asked for.
type PortMapping = portmap.Status

// A mapping is what a peer has of its router. Nothing waits for it: it is one
// more candidate once it is there.
type mapping struct {
	mapper *portmap.Mapper // nil: not wanted
	begin  sync.Once
}

// initMapping prepares for it. Another network than the system's has no router.
func (p *Peer) initMapping(system bool) {
	c := p.connFor(netip.IPv4Unspecified())
	if p.opts.NoPortMapping || !system || c == nil || c.LocalAddr().Addr().IsLoopback() {
		return
	}
	p.mapping.mapper = portmap.New(portmap.Config{
		Port:     c.LocalAddr().Port(),
		OnChange: func(portmap.Status) { p.announceCandidates() },
	})
	// Without a server others have to know the port beforehand.
	if _, port, err := splitListen(p.opts.Listen); err == nil && port != 0 && p.opts.Server == "" && !p.opts.Calling {
		p.mapPort()
	}
}

// mapPort has the router asked from now on.
func (p *Peer) mapPort() {
	m := p.mapping.mapper
	p.mapping.begin.Do(func() { p.spawn(func() { m.Run(p.ctx) }) })
}

// wantMapping has the router asked where there may be one that matters: the server sees this
// host at an address that is not public, or not its own. One that nobody calls, and that
// calls nobody, wants none.
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

// recheckMapping tells that the network may be another.
func (p *Peer) recheckMapping() {
	if p.mapping.mapper != nil {
		p.mapping.mapper.Hint()
	}
}

// mapped returns where the mapping listens, or the zero value.
func (p *Peer) mapped() netip.AddrPort {
	if p.mapping.mapper == nil {
		return netip.AddrPort{}
	}
	return p.mapping.mapper.Status().External
}

// PortMapping waits until it is known whether the router maps this peer's
// port, which takes a few seconds at most, and tells how that stands. It begins
// with the registration, or, for a peer that takes no calls, with the first link.
// Where no mapping is wanted the error is ErrNoMapping.
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
