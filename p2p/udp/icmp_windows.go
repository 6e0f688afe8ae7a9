package udp

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/windows"
)

// ignoreResets keeps ICMP messages about datagrams that were sent from failing the reads of
// others: a closed port (WSAECONNRESET, which package net switches off as well) and a time to live
// that ran out (WSAENETRESET), which our openers do on purpose. A system that does not know one of
// them is no failure: Read goes on after such an error.
func ignoreResets(fd uintptr) {
	for _, code := range []uint32{windows.SIO_UDP_CONNRESET, windows.SIO_UDP_NETRESET} {
		var off, returned uint32
		_ = windows.WSAIoctl(windows.Handle(fd), code, (*byte)(unsafe.Pointer(&off)), uint32(unsafe.Sizeof(off)), nil, 0, &returned, nil, 0)
	}
}

// isOfSent tells whether the error of a read is that of a datagram which was sent before, or of one
// that was too long to be ours: the socket is fine.
func isOfSent(err error) bool {
	for _, e := range []error{
		windows.WSAECONNRESET, windows.WSAENETRESET, windows.WSAEMSGSIZE,
		windows.WSAEHOSTUNREACH, windows.WSAENETUNREACH, windows.WSAENETDOWN, windows.WSAECONNREFUSED,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
