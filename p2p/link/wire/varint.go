package wire

import "math/bits"

const maxVarint = 1<<62 - 1

// appendVarint appends v, which is at most maxVarint, as in RFC 9000, section 16.
func appendVarint(b []byte, v uint64) []byte {
	switch n := bits.Len64(v); {
	case n <= 6:
		return append(b, byte(v))
	case n <= 14:
		return append(b, byte(v>>8)|0x40, byte(v))
	case n <= 30:
		return append(b, byte(v>>24)|0x80, byte(v>>16), byte(v>>8), byte(v))
	default:
		return append(b, byte(v>>56)|0xc0, byte(v>>48), byte(v>>40), byte(v>>32),
			byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
	}
}

// sizeVarint returns how many bytes appendVarint appends.
func sizeVarint(v uint64) int {
	switch n := bits.Len64(v); {
	case n <= 6:
		return 1
	case n <= 14:
		return 2
	case n <= 30:
		return 4
	default:
		return 8
	}
}

// A reader reads the fields of a packet from its front. After one that is cut off it is bad
// and returns zeros.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) bytes(n uint64) []byte {
	if r.bad || n > uint64(len(r.b)) {
		r.bad = true
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) byte() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) varint() uint64 {
	if r.bad || len(r.b) == 0 {
		r.bad = true
		return 0
	}
	b := r.bytes(1 << (r.b[0] >> 6))
	if b == nil {
		return 0
	}
	v := uint64(b[0] & 0x3f)
	for _, c := range b[1:] {
		v = v<<8 | uint64(c)
	}
	return v
}
