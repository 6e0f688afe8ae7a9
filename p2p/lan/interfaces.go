package lan

import (
	"net"
	"net/netip"
)

// group is where questions go.
var group = netip.MustParseAddrPort("224.0.0.251:5353")

// An iface is an interface that carries multicast by IPv4.
type iface struct {
	net.Interface
	prefixes []netip.Prefix // the addresses here, with their networks
}

// interfaces returns those that are up and have an IPv4 address.
func interfaces() (all []iface) {
	list, err := net.Interfaces()
	if err != nil {
		return nil
	}
	const wanted = net.FlagUp | net.FlagMulticast
	for _, i := range list {
		if i.Flags&wanted != wanted || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		if ps := prefixes(i); len(ps) > 0 {
			all = append(all, iface{i, ps})
		}
	}
	return all
}

func prefixes(i net.Interface) (ps []netip.Prefix) {
	addrs, err := i.Addrs()
	if err != nil {
		return nil // it has just gone away
	}
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok || n.IP.To4() == nil {
			continue
		}
		ones, _ := n.Mask.Size()
		if ip, ok := netip.AddrFromSlice(n.IP.To4()); ok {
			ps = append(ps, netip.PrefixFrom(ip, ones))
		}
	}
	return ps
}

// beside returns this host's address in the network that a neighbour is in.
func beside(all []iface, neighbour netip.Addr) (own netip.Addr, ok bool) {
	for _, i := range all {
		for _, p := range i.prefixes {
			if p.Contains(neighbour) {
				return p.Addr(), true
			}
		}
	}
	return netip.Addr{}, false
}
