package lan

import (
	"net"
	"net/netip"
)

// A family is IPv4 or IPv6.
type family struct {
	network string         // its name in package net
	group   netip.AddrPort // the destination of questions (RFC 6762, section 3)
}

var (
	ipv4Family = family{"udp4", netip.MustParseAddrPort("224.0.0.251:5353")}
	ipv6Family = family{"udp6", netip.MustParseAddrPort("[ff02::fb]:5353")}
)

// has reports whether an address belongs to the family.
func (f family) has(a netip.Addr) bool { return a.Is4() == f.group.Addr().Is4() }

// An iface is an interface that carries multicast.
type iface struct {
	net.Interface
	prefixes []netip.Prefix // this host's addresses with their networks
}

// interfaces returns the interfaces that are up and have an address of the family.
func (f family) interfaces() (all []iface) {
	list, err := net.Interfaces()
	if err != nil {
		return nil
	}
	const wanted = net.FlagUp | net.FlagMulticast
	for _, i := range list {
		if i.Flags&wanted != wanted || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		if ps := f.prefixes(i); len(ps) > 0 {
			all = append(all, iface{i, ps})
		}
	}
	return all
}

func (f family) prefixes(i net.Interface) (ps []netip.Prefix) {
	addrs, err := i.Addrs()
	if err != nil {
		return nil // the interface has disappeared
	}
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		ip, ok := netip.AddrFromSlice(n.IP)
		if ip = ip.Unmap(); !ok || !f.has(ip) {
			continue
		}
		ones, _ := n.Mask.Size()
		ps = append(ps, netip.PrefixFrom(ip, ones))
	}
	return ps
}

// beside returns this host's address in the network of a neighbour. A link-local neighbour is in the
// network of its zone.
func beside(all []iface, neighbour netip.Addr) (own netip.Addr, ok bool) {
	zone := neighbour.Zone()
	neighbour = neighbour.WithZone("")
	for _, i := range all {
		if neighbour.Is6() && neighbour.IsLinkLocalUnicast() && zone != i.Name {
			continue // every network has link-local addresses
		}
		for _, p := range i.prefixes {
			if p.Contains(neighbour) {
				return p.Addr(), true
			}
		}
	}
	return netip.Addr{}, false
}

// source returns a packet's source in canonical form: with a zone only if it is a link-local IPv6
// address.
func source(from netip.AddrPort) netip.AddrPort {
	ip := from.Addr().Unmap()
	if !ip.IsLinkLocalUnicast() {
		ip = ip.WithZone("")
	}
	return netip.AddrPortFrom(ip, from.Port())
}
