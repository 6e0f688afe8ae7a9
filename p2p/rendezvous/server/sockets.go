package server

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"

	"p2ptool/p2p/udp"
)

// sockets are what a server listens on: for each family a main port and, one port up, the second observer; and a
// TCP port.
type sockets struct {
	addr   netip.AddrPort
	main   []udp.Conn
	second []udp.Conn
	tcp    net.Listener // or nil
}

// portTries is how many times two adjacent free ports are looked for.
const portTries = 64

// listen binds the sockets of a configuration.
func listen(c Config) (sockets, error) {
	addrs, port, err := listenAddrs(c.Listen)
	if err != nil {
		return sockets{}, err
	}
	if port != 0 {
		return bindAll(c, addrs, port)
	}
	for range portTries {
		var probe udp.Conn
		if probe, err = c.Network.Listen(family(addrs[0]), netip.AddrPortFrom(addrs[0], 0)); err != nil {
			return sockets{}, fmt.Errorf("listening on %q: %w", c.Listen, err)
		}
		port := probe.LocalAddr().Port()
		probe.Close()
		var s sockets
		if s, err = bindAll(c, addrs, port); err == nil && len(s.second) > 0 {
			return s, nil
		}
		s.close()
	}
	return sockets{}, fmt.Errorf("listening on %q: no two neighbouring ports are free: %w", c.Listen, err)
}

// bindAll opens the UDP sockets of a port and the TCP socket, or none.
func bindAll(c Config, addrs []netip.Addr, port uint16) (sockets, error) {
	s, err := bind(c.Network, addrs, port)
	if err != nil || c.Tunnel.TLS == nil {
		return s, err
	}
	addr := c.Tunnel.Listen
	if addr == "" {
		host, _, _ := net.SplitHostPort(c.Listen)
		addr = net.JoinHostPort(host, strconv.Itoa(int(port)))
	}
	listen := c.Tunnel.ListenTCP
	if listen == nil {
		listen = func(addr string) (net.Listener, error) { return net.Listen("tcp", addr) }
	}
	if s.tcp, err = listen(addr); err != nil {
		s.close()
		return sockets{}, fmt.Errorf("listening on TCP %q: %w", addr, err)
	}
	return s, nil
}

// listenAddrs returns the addresses to bind to.
func listenAddrs(hostport string) ([]netip.Addr, uint16, error) {
	host, service, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, 0, fmt.Errorf("%q is not host:port", hostport)
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, 0, fmt.Errorf("%q has no port from 0 to 65535", hostport)
	}
	if host == "" || host == "::" {
		return []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}, uint16(port), nil
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		ip, err := net.ResolveIPAddr("ip", host)
		if err != nil {
			return nil, 0, fmt.Errorf("listening on %q: %w", hostport, err)
		}
		addr, _ = netip.AddrFromSlice(ip.IP)
	}
	return []netip.Addr{addr.Unmap()}, uint16(port), nil
}

// bind opens the UDP sockets of a port, or none. If both families are wanted, one that the system lacks is left
// out.
func bind(n udp.Network, addrs []netip.Addr, port uint16) (s sockets, err error) {
	for _, a := range addrs {
		var c udp.Conn
		if c, err = n.Listen(family(a), netip.AddrPortFrom(a, port)); err != nil {
			if len(addrs) > 1 && a.Is6() && !errors.Is(err, syscall.EADDRINUSE) {
				break
			}
			s.close()
			return sockets{}, fmt.Errorf("listening on %v: %w", netip.AddrPortFrom(a, port), err)
		}
		s.main = append(s.main, c)
		s.addr = netip.AddrPortFrom(a, port)
		if port == 1<<16-1 {
			continue
		}
		if c, err = n.Listen(family(a), netip.AddrPortFrom(a, port+1)); err != nil {
			s.close()
			return sockets{}, fmt.Errorf("listening on %v, the second observer: %w", netip.AddrPortFrom(a, port+1), err)
		}
		s.second = append(s.second, c)
	}
	return s, nil
}

// secondPort returns the port of the second observer, 0 if there is none.
func (s sockets) secondPort() uint16 {
	if len(s.second) == 0 {
		return 0
	}
	return s.second[0].LocalAddr().Port()
}

// to returns the socket for an address, or nil.
func (s sockets) to(a netip.AddrPort) udp.Conn { return ofFamily(s.main, a) }

// observer returns the second observer's socket for an address, or nil.
func (s sockets) observer(a netip.AddrPort) udp.Conn { return ofFamily(s.second, a) }

func ofFamily(conns []udp.Conn, a netip.AddrPort) udp.Conn {
	for _, c := range conns {
		if c.LocalAddr().Addr().Is4() == a.Addr().Is4() {
			return c
		}
	}
	return nil
}

func (s sockets) close() {
	for _, c := range append(append([]udp.Conn(nil), s.main...), s.second...) {
		c.Close()
	}
	if s.tcp != nil {
		s.tcp.Close()
	}
}

func family(a netip.Addr) string {
	if a.Is4() {
		return "udp4"
	}
	return "udp6"
}
