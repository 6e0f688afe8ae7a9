package udp

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/windows"
)

// ignoreResets turns off read errors that are caused by ICMP messages about sent datagrams: about a
// closed port (WSAECONNRESET, which package net turns off as well) and about an expired time to
// live (WSAENETRESET), which openers cause on purpose. A system that does not support one of them
// is fine: Read continues after such errors.
func ignoreResets(fd uintptr) {
	for _, code := range []uint32{windows.SIO_UDP_CONNRESET, windows.SIO_UDP_NETRESET} {
		var off, returned uint32
		_ = windows.WSAIoctl(windows.Handle(fd), code, (*byte)(unsafe.Pointer(&off)), uint32(unsafe.Sizeof(off)), nil, 0, &returned, nil, 0)
	}
}

// isSendError reports whether a read error is about a datagram that was sent before, or about a received
// one that is too long, so that the socket is still usable.
func isSendError(err error) bool {
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
