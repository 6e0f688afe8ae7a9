package udp

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// socketBuffer is what is asked of the system for each direction of a socket,
// in bytes: a tenth of a second at 560 Mbit/s, so that a reader that is kept
// from running for a moment loses nothing.
const socketBuffer = 7 << 20

// grow sets a socket's buffer to the largest size that the system accepts: Linux and Windows
// grant less silently, macOS and the BSDs refuse what is beyond their limit.
func grow(set func(bytes int) error) {
	const least = 64 << 10 // what any system grants
	for size := socketBuffer; size >= least && set(size) != nil; size /= 2 {
	}
}

// System is the network of the operating system.
type System struct{}

// Listen opens a socket. See Network.
func (System) Listen(family string, addr netip.AddrPort) (Conn, error) {
	if family != "udp4" && family != "udp6" {
		return nil, fmt.Errorf("udp: family %q is neither udp4 nor udp6", family)
	}
	var local *net.UDPAddr
	if addr.IsValid() {
		local = net.UDPAddrFromAddrPort(addr)
	}
	// With "udp6" package net sets IPV6_V6ONLY.
	socket, err := net.ListenUDP(family, local)
	if err != nil {
		return nil, err
	}
	c, err := newConn(socket, family == "udp6")
	if err != nil {
		socket.Close()
		return nil, fmt.Errorf("udp: socket %v: %w", socket.LocalAddr(), err)
	}
	return c, nil
}

// Addrs returns the addresses of the interfaces that are up, loopback among
// them; a link-local IPv6 address has its interface's name as zone. Where the interfaces
// cannot be read, as on Android, it returns the addresses that routes lead out from.
func (System) Addrs() ([]netip.Addr, error) { return hostAddrs(net.Interfaces, routedAddrs) }

func hostAddrs(interfaces func() ([]net.Interface, error), routed func() []netip.Addr) ([]netip.Addr, error) {
	list, err := interfaces()
	all := interfaceAddrs(list)
	isUsable := func(a netip.Addr) bool { return !a.IsLoopback() && !a.IsLinkLocalUnicast() }
	if slices.ContainsFunc(all, isUsable) {
		return all, nil
	}
	for _, a := range routed() {
		if !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	if len(all) == 0 {
		return nil, err
	}
	return all, nil
}

func interfaceAddrs(interfaces []net.Interface) (all []netip.Addr) {
	for _, ifc := range interfaces {
		if ifc.Flags&net.FlagUp == 0 {
			continue
		}
		addrs, err := ifc.Addrs()
		if err != nil {
			continue // it has just gone away
		}
		for _, a := range addrs {
			if addr, ok := hostAddr(a, ifc.Name); ok {
				all = append(all, addr)
			}
		}
	}
	return all
}

// routedAddrs returns the addresses that this host sends from to the internet, by each family. It
// asks by connecting sockets to addresses that nobody has (RFC 5737, RFC 3849), which sends nothing.
func routedAddrs() (all []netip.Addr) {
	for family, to := range map[string]string{"udp4": "192.0.2.1:9", "udp6": "[2001:db8::1]:9"} {
		c, err := net.Dial(family, to)
		if err != nil {
			continue // there is no route
		}
		if a := localAddr(c.(*net.UDPConn)).Addr(); a.IsValid() && !a.IsUnspecified() {
			all = append(all, a)
		}
		c.Close()
	}
	return all
}

// hostAddr converts an interface's address; ok is false for one that is no
// single host's.
func hostAddr(a net.Addr, ifc string) (addr netip.Addr, ok bool) {
	ipnet, isNet := a.(*net.IPNet)
	if !isNet {
		return netip.Addr{}, false
	}
	addr, ok = netip.AddrFromSlice(ipnet.IP)
	addr = addr.Unmap()
	if !ok || addr.IsUnspecified() || addr.IsMulticast() {
		return netip.Addr{}, false
	}
	if addr.Is6() && addr.IsLinkLocalUnicast() {
		addr = addr.WithZone(ifc)
	}
	return addr, true
}

// localAddr is where a socket is bound.
func localAddr(socket *net.UDPConn) netip.AddrPort {
	a := socket.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
