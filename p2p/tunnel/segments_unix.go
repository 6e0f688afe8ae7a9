//go:build unix

package tunnel

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// smallSegments is a net.Dialer's Control that bounds the segments of a connection in both directions
// (TCP_MAXSEG, RFC 9293, section 3.7.1), by which the other side learns it in the SYN.
func smallSegments(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, smallSegment) // else it has the usual ones
	})
}
