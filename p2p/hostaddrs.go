package p2p

import (
	"cmp"
	"net/netip"
	"slices"

	"p2ptool/p2p/tunnel"
	"p2ptool/p2p/udp"
)

// far lists documentation addresses (RFC 5737, RFC 3849), which packets reach by the default routes. This package looks
// up their routes but sends nothing to them.
var far = [...]netip.Addr{
	netip.AddrFrom4([4]byte{192, 0, 2, 1}),
	netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: 1}),
}

// hostAddrs returns the addresses of the interfaces, with the ports of the sockets. The addresses at
// which others most likely reach this host come first, because a peer can name only MaxCandidates.
// Loopback addresses are included only if the server is on loopback or there are no other addresses.
// Link-local IPv6 addresses are left out, because they mean nothing without a zone.
func (p *Peer) hostAddrs() []netip.AddrPort {
	used := p.usedAddrs()
	all, err := p.opts.Network.Addrs()
	if err != nil {
		all = used // some systems do not let programs list the interfaces
	}
	var out, loopback []netip.AddrPort
	for _, c := range p.conns {
		bound := c.LocalAddr()
		for _, ip := range all {
			switch {
			case ip.Is4() != bound.Addr().Is4(), ip.Is6() && ip.IsLinkLocalUnicast(),
				!bound.Addr().IsUnspecified() && bound.Addr() != ip:
			case ip.IsLoopback():
				loopback = append(loopback, netip.AddrPortFrom(ip, bound.Port()))
			default:
				out = append(out, netip.AddrPortFrom(ip, bound.Port()))
			}
		}
	}
	rankHosts(out, used)
	if len(out) == 0 || p.serverIsLocal() {
		out = append(out, loopback...)
	}
	return out
}

// rankHosts sorts addrs: first the source addresses of the routes to the server and to the
// internet, last the link-local addresses.
func rankHosts(addrs []netip.AddrPort, used []netip.Addr) {
	rank := func(a netip.AddrPort) int {
		if i := slices.Index(used, a.Addr()); i >= 0 {
			return i
		}
		if a.Addr().IsLinkLocalUnicast() {
			return len(used) + 1
		}
		return len(used)
	}
	slices.SortStableFunc(addrs, func(a, b netip.AddrPort) int { return cmp.Compare(rank(a), rank(b)) })
}

// usedAddrs returns the source addresses that this host uses toward the server and the internet.
func (p *Peer) usedAddrs() (used []netip.Addr) {
	to := far[:]
	if p.client != nil {
		if a := p.client.ServerAddr().Addr(); a.IsValid() && !tunnel.Marked(a) {
			to = append([]netip.Addr{a}, to...)
		}
	}
	for _, a := range to {
		if own, ok := udp.Source(p.opts.Network, a); ok && !slices.Contains(used, own) {
			used = append(used, own)
		}
	}
	return used
}
