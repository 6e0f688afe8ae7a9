//go:build !linux && !darwin && !windows && !freebsd && !openbsd && !netbsd && !dragonfly

package udp

// dontFragment does nothing: datagrams longer than the path carries may be
// fragmented here, and be slower for it.
func dontFragment(uintptr, bool) {}
