//go:build !linux && !darwin && !windows && !freebsd && !openbsd && !netbsd && !dragonfly

package udp

// dontFragment does nothing: long datagrams may be fragmented here, which is slower.
func dontFragment(uintptr, bool) {}
