package netsim

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"p2ptool/p2p/udp"
)

var (
	errNoRoute = errors.New("netsim: network is unreachable")
	errInUse   = errors.New("netsim: address already in use")
	errNotMine = errors.New("netsim: cannot assign requested address")
	errFamily  = errors.New("netsim: address is not of the socket's family")
)

// The ephemeral ports, as on Linux.
const (
	firstEphemeral = 32768
	lastEphemeral  = 60999
)

// A Host implements udp.Network.
type Host struct {
	access

	ifaces  []iface
	conns   map[netip.AddrPort]*conn // by the address bound to
	watches []chan struct{}
}

var _ udp.Network = (*Host)(nil)

// An iface is an address of a host in a realm.
type iface struct {
	addr  netip.Addr
	realm *Realm
}

// attach adds addresses.
func (h *Host) attach(r *Realm, addrs []string) {
	for _, a := range addrs {
		h.ifaces = append(h.ifaces, iface{r.add(a, h), r})
	}
	h.changedLocked()
}

// Attach adds addresses in a realm, which may differ from that of the existing addresses: for
// example an IPv4 address behind a NAT and an IPv6 address without one.
func (h *Host) Attach(r *Realm, addrs ...string) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.attach(r, addrs)
}

// Move replaces all addresses by others in a realm. Sockets stay open; those bound to a removed address
// no longer work.
func (h *Host) Move(r *Realm, addrs ...string) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	for _, i := range h.ifaces {
		delete(i.realm.nodes, i.addr)
	}
	h.ifaces = nil
	h.attach(r, addrs)
}

// Addrs implements udp.Network.
func (h *Host) Addrs() ([]netip.Addr, error) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	addrs := []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	for _, i := range h.ifaces {
		if i.addr.Is6() && !slices.Contains(addrs, netip.IPv6Loopback()) {
			addrs = append(addrs, netip.IPv6Loopback())
		}
		addrs = append(addrs, i.addr)
	}
	return addrs, nil
}

// Source implements udp.Source.
func (h *Host) Source(to netip.Addr) (own netip.Addr, ok bool) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	i, ok := h.route(unspecified(to.Is6()), to)
	return i.addr, ok
}

// Listen implements udp.Network.
func (h *Host) Listen(family string, addr netip.AddrPort) (udp.Conn, error) {
	if family != "udp4" && family != "udp6" {
		return nil, fmt.Errorf("netsim: family %q is neither udp4 nor udp6", family)
	}
	v6 := family == "udp6"
	ip := addr.Addr().Unmap()
	if !ip.IsValid() {
		ip = unspecified(v6)
	}
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if ip.Is6() != v6 {
		return nil, errFamily
	}
	if !ip.IsUnspecified() && !h.has(ip) {
		return nil, errNotMine
	}
	local, err := h.bind(ip, addr.Port())
	if err != nil {
		return nil, err
	}
	return newConn(h, local), nil
}

// bind returns the address to bind to, with a free port if port is 0.
func (h *Host) bind(ip netip.Addr, port uint16) (netip.AddrPort, error) {
	if port != 0 {
		local := netip.AddrPortFrom(ip, port)
		if h.conns[local] != nil {
			return netip.AddrPort{}, errInUse
		}
		return local, nil
	}
	const ports = lastEphemeral - firstEphemeral + 1
	start := h.net.rng.IntN(ports)
	for i := range ports {
		local := netip.AddrPortFrom(ip, uint16(firstEphemeral+(start+i)%ports))
		if h.conns[local] == nil {
			return local, nil
		}
	}
	return netip.AddrPort{}, errInUse
}

// has reports whether ip is an address of this host.
func (h *Host) has(ip netip.Addr) bool {
	return ip.IsLoopback() || slices.ContainsFunc(h.ifaces, func(i iface) bool { return i.addr == ip })
}

// send sends a packet from a socket bound to local.
func (h *Host) send(local netip.AddrPort, p packet) error {
	if h.has(p.dst.Addr()) {
		src := local.Addr()
		if src.IsUnspecified() {
			src = p.dst.Addr()
		}
		p.src = netip.AddrPortFrom(src, local.Port())
		h.net.trace("sent", p)
		h.receive(p)
		return nil
	}
	i, ok := h.route(local.Addr(), p.dst.Addr())
	if !ok {
		return errNoRoute
	}
	p.realm, p.src = i.realm, netip.AddrPortFrom(i.addr, local.Port())
	h.net.trace("sent", p)
	h.up.push(p)
	return nil
}

// route chooses the source address: the one that the socket is bound to, else one in the
// destination's realm, else the first of its family.
func (h *Host) route(bound, dst netip.Addr) (found iface, ok bool) {
	for _, i := range h.ifaces {
		switch {
		case i.addr.Is6() != dst.Is6() || !bound.IsUnspecified() && bound != i.addr:
		case i.realm.nodes[dst] != nil:
			return i, true
		case !ok:
			found, ok = i, true
		}
	}
	return found, ok
}

// receive delivers a packet to its socket.
func (h *Host) receive(p packet) {
	c := h.conns[p.dst]
	if c == nil {
		c = h.conns[netip.AddrPortFrom(unspecified(p.dst.Addr().Is6()), p.dst.Port())]
	}
	switch {
	case c == nil:
		h.net.trace("port closed", p)
	case !c.put(p):
		h.net.trace("receive buffer full", p)
	default:
		h.net.trace("arrived", p)
	}
}

func unspecified(v6 bool) netip.Addr {
	if v6 {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}
