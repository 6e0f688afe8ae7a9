package tunnel

import "net/netip"

// zone is the mark. No network interface has this name, as it has a slash in it.
const zone = "tls/tcp"

// Mark returns the address of the stream over a TCP connection with the other end at a: the same address and
// port, as IPv6, with a zone that no UDP address has. So both can be in the same tables. The mark is never sent:
// addresses in datagrams have no zone.
func Mark(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(a.Addr().As16()).WithZone(zone), a.Port())
}

// Marked reports whether an address is that of a stream.
func Marked(a netip.Addr) bool { return a.Zone() == zone }

// Unmark returns the address of the TCP connection; UDP addresses are returned unchanged.
func Unmark(a netip.AddrPort) netip.AddrPort {
	if !Marked(a.Addr()) {
		return a
	}
	return netip.AddrPortFrom(a.Addr().WithZone("").Unmap(), a.Port())
}
