package udp

import "golang.org/x/sys/windows"

// IP_DONTFRAGMENT and IPV6_DONTFRAG of <ws2ipdef.h>.
const (
	ipDontFragment   = 14
	ipv6DontFragment = 14
)

// dontFragment makes the socket refuse datagrams that would be fragmented.
func dontFragment(fd uintptr, v6 bool) {
	if v6 {
		_ = windows.SetsockoptInt(windows.Handle(fd), windows.IPPROTO_IPV6, ipv6DontFragment, 1)
		return
	}
	_ = windows.SetsockoptInt(windows.Handle(fd), windows.IPPROTO_IP, ipDontFragment, 1)
}
