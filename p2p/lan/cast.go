package lan

import (
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// hops is the time to live of questions (RFC 6762, section 11).
const hops = 255

// A caster sends and receives multicasts on a socket of one family.
type caster interface {
	join(*net.Interface) error
	send([]byte, *net.Interface) error
}

// caster returns a caster on a socket. It sends to the family's group, including listeners on this
// host.
func (f family) caster(conn *net.UDPConn) caster {
	if f.group.Addr().Is4() {
		c := ipv4.NewPacketConn(conn)
		_ = c.SetMulticastTTL(hops)
		_ = c.SetMulticastLoopback(true)
		return caster4{c, f.group}
	}
	c := ipv6.NewPacketConn(conn)
	_ = c.SetMulticastHopLimit(hops)
	_ = c.SetMulticastLoopback(true)
	return caster6{c, f.group}
}

type caster4 struct {
	conn  *ipv4.PacketConn
	group netip.AddrPort
}

func (c caster4) join(i *net.Interface) error {
	return c.conn.JoinGroup(i, net.UDPAddrFromAddrPort(c.group))
}

func (c caster4) send(b []byte, i *net.Interface) error {
	if err := c.conn.SetMulticastInterface(i); err != nil {
		return err
	}
	_, err := c.conn.WriteTo(b, nil, net.UDPAddrFromAddrPort(c.group))
	return err
}

type caster6 struct {
	conn  *ipv6.PacketConn
	group netip.AddrPort
}

func (c caster6) join(i *net.Interface) error {
	return c.conn.JoinGroup(i, net.UDPAddrFromAddrPort(c.group))
}

func (c caster6) send(b []byte, i *net.Interface) error {
	if err := c.conn.SetMulticastInterface(i); err != nil {
		return err
	}
	to := net.UDPAddrFromAddrPort(c.group)
	to.Zone = i.Name
	_, err := c.conn.WriteTo(b, nil, to)
	return err
}
