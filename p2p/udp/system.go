package udp

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// socketBuffer is the requested buffer for each direction of a socket, in bytes: 100 ms at
// 560 Mbit/s, so that nothing is lost while the reader does not run for a moment.
const socketBuffer = 7 << 20

// grow sets a socket's buffer to the largest size that the system accepts. Linux and Windows
// silently grant less; macOS and the BSDs refuse sizes above their limit.
func grow(set func(bytes int) error) {
	const least = 64 << 10 // every system grants this
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

// Addrs returns the addresses of the interfaces that are up, including loopback, with those of
// tunnels and container bridges last. A link-local IPv6 address has its interface's name as zone.
func (System) Addrs() ([]netip.Addr, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(interfaces, func(a, b net.Interface) int { return cmp.Compare(rank(a), rank(b)) })
	var all []netip.Addr
	for _, ifc := range interfaces {
		if ifc.Flags&net.FlagUp == 0 {
			continue
		}
		addrs, err := ifc.Addrs()
		if err != nil {
			continue // the interface has disappeared
		}
		for _, a := range addrs {
			if addr, ok := hostAddr(a, ifc.Name); ok {
				all = append(all, addr)
			}
		}
	}
	return all, nil
}

// Source returns the local address of a connected socket. This sends nothing and works on every
// system.
func (System) Source(to netip.Addr) (own netip.Addr, ok bool) {
	if !to.IsValid() || to.IsUnspecified() {
		return netip.Addr{}, false
	}
	const port = 9 // any port
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, port)))
	if err != nil {
		return netip.Addr{}, false
	}
	defer c.Close()
	own = localAddr(c).Addr()
	return own, own.IsValid() && !own.IsUnspecified()
}

// bridges are name prefixes of interfaces to containers and virtual machines of this host.
var bridges = [...]string{"docker", "br-", "veth", "virbr", "lxc", "lxd", "cni", "podman", "flannel", "cali",
	"vmnet", "vboxnet", "vEthernet", "bridge", "incus", "kube", "cilium"}

// rank orders interfaces by how likely other hosts reach this host through them.
func rank(ifc net.Interface) int {
	for _, b := range bridges {
		if strings.HasPrefix(ifc.Name, b) {
			return 2
		}
	}
	if ifc.Flags&net.FlagPointToPoint != 0 {
		return 1
	}
	return 0
}

// hostAddr converts an interface's address; ok is false if it is not a host address.
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

// localAddr returns the local address of a socket.
func localAddr(socket *net.UDPConn) netip.AddrPort {
	a := socket.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
