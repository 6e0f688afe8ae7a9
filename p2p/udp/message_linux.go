package udp

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// controlSize is enough for two control messages, segment size and time to live, of at most 24
// bytes each.
const controlSize = 64

// A message is the struct mmsghdr of sendmmsg(2) and recvmmsg(2).
type message struct {
	hdr unix.Msghdr
	n   uint32 // bytes received or sent
}

// A slot is the memory that a message points to. It must not move, so it is on the heap together
// with its message.
type slot struct {
	iov     unix.Iovec
	control [controlSize / 8]uint64 // aligned for the kernel
	name    [unix.SizeofSockaddrInet6]byte
}

func (s *slot) controlBytes() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&s.control)), controlSize)
}

// attach makes m point to s.
func (m *message) attach(s *slot) {
	m.hdr.Iov = &s.iov
	m.hdr.SetIovlen(1)
	m.hdr.Name = &s.name[0]
	m.hdr.Control = (*byte)(unsafe.Pointer(&s.control))
}

// setData sets the data, which must not be empty.
func (s *slot) setData(b []byte) {
	s.iov.Base = &b[0]
	s.iov.SetLen(len(b))
}

var errFamily = errors.New("udp: address is not of the socket's family")

// putName encodes addr as a struct sockaddr_in or sockaddr_in6 and returns its
// length.
func (c *conn) putName(name *[unix.SizeofSockaddrInet6]byte, addr netip.AddrPort) (int, error) {
	ip := addr.Addr().Unmap()
	if !ip.IsValid() || ip.Is6() != c.v6 {
		return 0, errFamily
	}
	*name = [unix.SizeofSockaddrInet6]byte{}
	binary.BigEndian.PutUint16(name[2:], addr.Port())
	if !c.v6 {
		binary.NativeEndian.PutUint16(name[:], unix.AF_INET)
		a := ip.As4()
		copy(name[4:], a[:])
		return unix.SizeofSockaddrInet4, nil
	}
	binary.NativeEndian.PutUint16(name[:], unix.AF_INET6)
	a := ip.As16()
	copy(name[8:], a[:])
	if zone := ip.Zone(); zone != "" {
		index, err := c.zoneIndex(zone)
		if err != nil {
			return 0, err
		}
		binary.NativeEndian.PutUint32(name[24:], index)
	}
	return unix.SizeofSockaddrInet6, nil
}

// parseName parses a remote address. Zones caches the names of interfaces, which are only needed for
// link-local addresses.
func parseName(name *[unix.SizeofSockaddrInet6]byte, zones map[uint32]string) netip.AddrPort {
	port := binary.BigEndian.Uint16(name[2:])
	if binary.NativeEndian.Uint16(name[:]) == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(name[4:8])), port)
	}
	ip := netip.AddrFrom16([16]byte(name[8:24])).Unmap()
	if index := binary.NativeEndian.Uint32(name[24:]); index != 0 && ip.IsLinkLocalUnicast() {
		zone, ok := zones[index]
		if !ok {
			zone = zoneName(index)
			zones[index] = zone
		}
		ip = ip.WithZone(zone)
	}
	return netip.AddrPortFrom(ip, port)
}

func zoneName(index uint32) string {
	if ifc, err := net.InterfaceByIndex(int(index)); err == nil {
		return ifc.Name
	}
	return strconv.FormatUint(uint64(index), 10)
}

// zoneIndex looks up an interface's index. It does not cache the index: an interface may be recreated
// with the same name and another index. Unlike net.InterfaceByName, which lists all interfaces,
// the lookup is cheap enough for every batch.
func (c *conn) zoneIndex(zone string) (index uint32, err error) {
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n), nil
	}
	ifreq, err := unix.NewIfreq(zone)
	if err != nil {
		return 0, err
	}
	if e := c.raw.Control(func(fd uintptr) { err = unix.IoctlIfreq(int(fd), unix.SIOCGIFINDEX, ifreq) }); e != nil {
		return 0, e
	}
	return ifreq.Uint32(), err
}

// putControl encodes a control message into b and returns its length. Value has 2 or 4 bytes.
func putControl(b []byte, level, kind int32, value []byte) int {
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
	h.Level, h.Type = level, kind
	h.SetLen(unix.CmsgLen(len(value)))
	copy(b[unix.CmsgLen(0):], value)
	return unix.CmsgSpace(len(value))
}

// segmentSize returns the size of the datagrams from a received message's control messages, or 0 for
// a single datagram.
func segmentSize(control []byte) int {
	for len(control) > 0 {
		h, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			return 0
		}
		if h.Level == unix.IPPROTO_UDP && h.Type == unix.UDP_GRO && len(data) >= 2 {
			return groSize(data)
		}
		control = rest
	}
	return 0
}

// groSize parses UDP_GRO's value: an int, or only two bytes in older kernels.
func groSize(data []byte) int {
	if len(data) >= 4 {
		return int(binary.NativeEndian.Uint32(data))
	}
	return int(binary.NativeEndian.Uint16(data))
}

// mmsg calls sendmmsg or recvmmsg without blocking, and repeats the call after a signal.
func mmsg(call, fd uintptr, msgs []message) (int, unix.Errno) {
	for {
		n, _, errno := unix.Syscall6(call, fd, uintptr(unsafe.Pointer(&msgs[0])),
			uintptr(len(msgs)), unix.MSG_DONTWAIT, 0, 0)
		if errno != unix.EINTR {
			return int(n), errno
		}
	}
}
