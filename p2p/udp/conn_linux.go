package udp

import (
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// conn is a socket on Linux: recvmmsg with UDP_GRO, sendmmsg with UDP_SEGMENT.
type conn struct {
	socket *net.UDPConn
	raw    syscall.RawConn
	v6     bool
	local  netip.AddrPort

	reader reader   // owned by Read
	plain  plainSet // destinations that do not take UDP_SEGMENT
}

func newConn(socket *net.UDPConn, v6 bool) (*conn, error) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil, err
	}
	c := &conn{socket: socket, raw: raw, v6: v6, local: localAddr(socket)}
	var fail error
	if err := raw.Control(func(fd uintptr) { fail = c.configure(int(fd)) }); err != nil {
		return nil, err
	}
	if fail != nil {
		return nil, fail
	}
	c.reader.init()
	return c, nil
}

// configure sets the socket's options, and finds out what the kernel can do.
func (c *conn) configure(fd int) error {
	for _, opt := range [][2]int{
		{unix.SO_RCVBUFFORCE, unix.SO_RCVBUF},
		{unix.SO_SNDBUFFORCE, unix.SO_SNDBUF},
	} {
		// The first goes beyond the system's limit, and is for root alone.
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, opt[0], socketBuffer) != nil {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, opt[1], socketBuffer)
		}
	}
	if _, err := unix.GetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT); err != nil {
		c.plain.addAll()
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_GRO, 1)
	// Never fragment, and believe no ICMP message about the path's MTU: what
	// is longer than the interface carries fails with EMSGSIZE, what is longer
	// than the path carries is lost, and whoever measures the path notices.
	if c.v6 {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_PROBE)
	}
	return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
}

func (c *conn) LocalAddr() netip.AddrPort { return c.local }

// Close closes the socket; a second time it does nothing.
func (c *conn) Close() error {
	_ = c.socket.Close() // fails only when closed before
	return nil
}

// bufferSizes tells what the kernel granted.
func (c *conn) bufferSizes() (read, write int) {
	_ = c.raw.Control(func(fd uintptr) {
		// The kernel counts twice what was asked, for its own bookkeeping.
		read, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
		write, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF)
	})
	return read / 2, write / 2
}
