//go:build linux || darwin

package tunnel

import (
	"net"

	"golang.org/x/sys/unix"
)

// maxUnsent is how many bytes the kernel takes beyond what the connection's congestion
// window lets go, so that what waits does so in the stream's queue, which is short.
const maxUnsent = 128 << 10

// boundUnsent sets that limit (TCP_NOTSENT_LOWAT).
func boundUnsent(c net.Conn) {
	tcp, ok := bare(c).(*net.TCPConn)
	if !ok {
		return
	}
	if raw, err := tcp.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, maxUnsent)
		})
	}
}
