package udp

import (
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// A conn is a socket on Linux: recvmmsg with UDP_GRO, sendmmsg with UDP_SEGMENT.
type conn struct {
	socket *net.UDPConn
	raw    syscall.RawConn
	v6     bool
	local  netip.AddrPort

	reader reader   // owned by Read
	plain  plainSet // destinations without UDP_SEGMENT
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

// configure sets the socket's options and detects what the kernel supports.
func (c *conn) configure(fd int) error {
	for _, opt := range [][2]int{
		{unix.SO_RCVBUFFORCE, unix.SO_RCVBUF},
		{unix.SO_SNDBUFFORCE, unix.SO_SNDBUF},
	} {
		// The first ignores the system's limit, which only root may.
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, opt[0], socketBuffer) != nil {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, opt[1], socketBuffer)
		}
	}
	if _, err := unix.GetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT); err != nil {
		c.plain.addAll()
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_GRO, 1)
	// Never fragment, and ignore ICMP messages about the path MTU. A datagram that exceeds the
	// interface's MTU fails with EMSGSIZE; one that exceeds the path MTU is lost, which path
	// MTU discovery notices.
	if c.v6 {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_PROBE)
	}
	return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
}

func (c *conn) LocalAddr() netip.AddrPort { return c.local }

// Close closes the socket. Calling it twice is fine.
func (c *conn) Close() error {
	_ = c.socket.Close() // fails only if it is closed already
	return nil
}

// bufferSizes returns the sizes that the kernel granted.
func (c *conn) bufferSizes() (read, write int) {
	_ = c.raw.Control(func(fd uintptr) {
		// The kernel reports twice the size, for its own bookkeeping.
		read, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
		write, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF)
	})
	return read / 2, write / 2
}
