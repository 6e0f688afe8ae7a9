//go:build freebsd || openbsd || netbsd || dragonfly

package udp

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// dontFragment makes the socket refuse datagrams that would be fragmented. For IPv4 only FreeBSD
// supports that; elsewhere long datagrams may be fragmented, which is slower.
func dontFragment(fd uintptr, v6 bool) {
	const ipDontFragment = 67 // IP_DONTFRAG of FreeBSD's <netinet/in.h>
	switch {
	case v6:
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_DONTFRAG, 1)
	case runtime.GOOS == "freebsd":
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, ipDontFragment, 1)
	}
}
