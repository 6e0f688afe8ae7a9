package udp

import "golang.org/x/sys/unix"

// ipDontFragment is IP_DONTFRAG of <netinet/in.h>.
const ipDontFragment = 28

// dontFragment makes the socket refuse datagrams that would be fragmented.
func dontFragment(fd uintptr, v6 bool) {
	if v6 {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_DONTFRAG, 1)
		return
	}
	_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, ipDontFragment, 1)
}
