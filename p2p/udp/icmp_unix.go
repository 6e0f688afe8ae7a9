//go:build unix && !linux

package udp

import (
	"errors"

	"golang.org/x/sys/unix"
)

// ignoreResets does nothing: a socket that is not connected reads no errors of ICMP here.
func ignoreResets(uintptr) {}

// isOfSent tells whether the error of a read is that of a datagram which was sent before: the socket
// is fine.
func isOfSent(err error) bool {
	for _, e := range []error{
		unix.ECONNREFUSED, unix.ECONNRESET, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EHOSTDOWN, unix.ENETDOWN, unix.EMSGSIZE,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
