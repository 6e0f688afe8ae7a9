package transfer

import "encoding/binary"

// fields parses a body. After the first field that is missing or out of range, it is
// bad and returns zeros.
type fields struct {
	b   []byte
	bad bool
}

func (f *fields) next(n int) []byte {
	if f.bad || n > len(f.b) {
		f.bad = true
		return nil
	}
	p := f.b[:n]
	f.b = f.b[n:]
	return p
}

func (f *fields) u8() byte {
	if p := f.next(1); p != nil {
		return p[0]
	}
	return 0
}

func (f *fields) u16() uint16 {
	if p := f.next(2); p != nil {
		return binary.BigEndian.Uint16(p)
	}
	return 0
}

func (f *fields) u32() uint32 {
	if p := f.next(4); p != nil {
		return binary.BigEndian.Uint32(p)
	}
	return 0
}

func (f *fields) i64() int64 {
	if p := f.next(8); p != nil {
		return int64(binary.BigEndian.Uint64(p))
	}
	return 0
}

// size reads a number of bytes or files. It must not be negative, except for -1 if it may be unknown.
func (f *fields) size(orUnknown bool) int64 {
	v := f.i64()
	if v > maxFileSize || v < 0 && !(orUnknown && v == -1) {
		f.bad = true
		return 0
	}
	return v
}

func (f *fields) hash() (c cv)        { copy(c[:], f.next(hashSize)); return c }
func (f *fields) id() (id [16]byte)   { copy(id[:], f.next(16)); return id }
func (f *fields) code() (c code)      { return code(f.below(byte(codeCount))) }
func (f *fields) flag() bool          { return f.below(2) == 1 }
func (f *fields) rest(m int) string   { return string(f.next(f.atMost(len(f.b), m))) }
func (f *fields) text(m int) string   { return string(f.next(f.atMost(int(f.u16()), m))) }
func (f *fields) atMost(n, m int) int { f.bad = f.bad || n > m; return n }

func (f *fields) below(limit byte) byte {
	v := f.u8()
	f.bad = f.bad || v >= limit
	return v
}

// hashes reads the rest of the body as hashes, at most m.
func (f *fields) hashes(m int) (cvs []cv) {
	if len(f.b)%hashSize != 0 || len(f.b)/hashSize > m {
		f.bad = true
	}
	for !f.bad && len(f.b) > 0 {
		cvs = append(cvs, f.hash())
	}
	return cvs
}

func put32(b []byte, vs ...uint32) []byte {
	for _, v := range vs {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

func put64(b []byte, vs ...int64) []byte {
	for _, v := range vs {
		b = binary.BigEndian.AppendUint64(b, uint64(v))
	}
	return b
}

func putText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

func putHashes(b []byte, cvs []cv) []byte {
	for i := range cvs {
		b = append(b, cvs[i][:]...)
	}
	return b
}

func putFlag(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// cut shortens a reason to the length that a message allows.
func cut(s string) string { return s[:min(len(s), maxReason)] }
