package natlab

import (
	"encoding/binary"
	"net/netip"
)

// destination returns the destination of an IP packet; ok is false if p is not one.
func destination(p []byte) (addr netip.Addr, ok bool) {
	switch {
	case len(p) >= 20 && p[0]>>4 == 4:
		return netip.AddrFrom4([4]byte(p[16:20])), true
	case len(p) >= 40 && p[0]>>4 == 6:
		return netip.AddrFrom16([16]byte(p[24:40])), true
	}
	return netip.Addr{}, false
}

// age subtracts hops from the packet's time to live, and reports whether any is left. The
// packet must have passed destination.
func age(p []byte, hops int) bool {
	ttl := &p[7]
	if p[0]>>4 == 4 {
		ttl = &p[8]
	}
	if int(*ttl) <= hops {
		return false
	}
	*ttl -= byte(hops)
	if p[0]>>4 == 4 {
		binary.BigEndian.PutUint16(p[10:], 0)
		binary.BigEndian.PutUint16(p[10:], headerChecksum(p))
	}
	return true
}

// headerChecksum is that of RFC 791, section 3.1, for a header whose checksum
// field is zero.
func headerChecksum(p []byte) uint16 {
	var sum uint32
	for h := p[:min(len(p), int(p[0]&15)*4)]; len(h) >= 2; h = h[2:] {
		sum += uint32(binary.BigEndian.Uint16(h))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
