package link

import "math/bits"

const minRing = 4 << 10

// A ring holds bytes of a stream by their offset: those of any run that is no
// longer than its size can be in it at once. Its zero value holds nothing.
type ring struct{ buf []byte }

// grow makes the ring hold size bytes, and keeps those of [low, high).
func (r *ring) grow(size int, low, high uint64) {
	if size <= len(r.buf) {
		return
	}
	old := *r
	r.buf = make([]byte, 1<<bits.Len(uint(max(size, minRing)-1)))
	for low < high {
		piece := old.piece(low, high)
		r.write(low, piece)
		low += uint64(len(piece))
	}
}

// piece returns the bytes from low that lie together, at most to high.
func (r *ring) piece(low, high uint64) []byte {
	i := int(low & uint64(len(r.buf)-1))
	n := min(uint64(len(r.buf)-i), high-low)
	return r.buf[i : i+int(n)]
}

// write puts data at offset.
func (r *ring) write(offset uint64, data []byte) {
	for len(data) > 0 {
		n := copy(r.piece(offset, offset+uint64(len(data))), data)
		data = data[n:]
		offset += uint64(n)
	}
}

// read fills b from offset.
func (r *ring) read(offset uint64, b []byte) {
	for len(b) > 0 {
		n := copy(b, r.piece(offset, offset+uint64(len(b))))
		b = b[n:]
		offset += uint64(n)
	}
}
