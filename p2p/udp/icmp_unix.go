//go:build unix && !linux

package udp

import (
	"errors"

	"golang.org/x/sys/unix"
)

// ignoreResets does nothing: an unconnected socket receives no ICMP errors here.
func ignoreResets(uintptr) {}

// isSendError reports whether a read error is about a datagram that was sent before, so that the socket
// is still usable.
func isSendError(err error) bool {
	for _, e := range []error{
		unix.ECONNREFUSED, unix.ECONNRESET, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EHOSTDOWN, unix.ENETDOWN, unix.EMSGSIZE,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
