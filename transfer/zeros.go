package transfer

import (
	"bytes"
	_ "embed"
	"io"
	"os"

	"lukechampine.com/blake3/guts"

	"p2ptool/transfer/internal/disk"
)

// Holes in a file are neither read nor sent, and use no space at the receiver. Their hashes are still part of the file's
// digest. They depend on the position, as each leaf of a BLAKE3 tree is hashed with its number. A table holds the hashes
// of large subtrees; without it, 200 GB of zeros would take a minute of hashing on each side.
const (
	zeroLevel = 12 // of the subtrees in the table: 1 GiB
	zeroSize  = chunkSize << zeroLevel
)

// zeroTable holds the chaining values of the subtrees of zeroLevel of a file of zeros, from its beginning on.
//
//go:embed zeros.bin
var zeroTable string

// maxZeros is the offset at which the table ends. Zeros after it are sent like other data, so that
// a peer cannot make the other side hash forever.
var maxZeros = int64(len(zeroTable)/hashSize) * zeroSize

var zeroChunk = make([]byte, chunkSize)

// isZero reports whether b, of at most a chunk, is all zeros.
func isZero(b []byte) bool { return bytes.Equal(b, zeroChunk[:len(b)]) }

// zeroHash returns the chaining value of 2^level chunks of zeros from chunk i on. i must be a multiple of 2^level,
// and the chunks must be within the table.
func zeroHash(i int64, level int) cv {
	if level == zeroLevel {
		return cv([]byte(zeroTable[hashSize*(i>>zeroLevel):][:hashSize]))
	}
	if level == 0 {
		return nodeCV(hashChunk(zeroChunk, i))
	}
	l, r := zeroHash(i, level-1), zeroHash(i+1<<(level-1), level-1)
	return nodeCV(guts.ParentNode(unpackCV(l), unpackCV(r), &guts.IV, 0))
}

// A zeroPart is a subtree of zeros: 2^level chunks from first on.
type zeroPart struct {
	first int64
	level int
	hash  cv
}

func (z zeroPart) end() int64 { return z.first + 1<<z.level }

// hashZeros returns the chaining value of a part of a file of size bytes. The last chunk of the file may be shorter
// than the others, and is a part on its own.
func hashZeros(first int64, level int, size int64) cv {
	if n := chunkLen(size, first); level == 0 && n < chunkSize {
		return nodeCV(hashChunk(zeroChunk[:n], first))
	}
	return zeroHash(first, level)
}

// zeroParts splits the chunks of zeros from first up to end, of a file of total chunks, into parts, and returns their
// levels.
func zeroParts(first, end, total int64) (levels []int) {
	for _, level := range subtrees(first, end, total) {
		for n := 1 << max(0, level-zeroLevel); n > 0; n-- {
			levels = append(levels, min(level, zeroLevel))
		}
	}
	return levels
}

// fits reports whether z is a valid part of a file of total chunks.
func (z zeroPart) fits(total int64) bool {
	return z.level <= zeroLevel && z.first&(1<<z.level-1) == 0 && z.end() <= total && (z.level == 0 || z.end() < total) && z.end() <= maxZeros/chunkSize
}

// joinZeros appends a part of a file of total chunks. It joins two halves of a subtree into one part, so that there are
// few parts. The last chunk stays alone.
func joinZeros(parts []zeroPart, z zeroPart, total int64) []zeroPart {
	for n := len(parts); n > 0 && z.end() < total; n = len(parts) {
		last := parts[n-1]
		if last.level != z.level || last.end() != z.first || last.first&(2<<z.level-1) != 0 {
			break
		}
		h := nodeCV(guts.ParentNode(unpackCV(last.hash), unpackCV(z.hash), &guts.IV, 0))
		z = zeroPart{last.first, z.level + 1, h}
		parts = parts[:n-1]
	}
	return append(parts, z)
}

// holes finds the holes of a file.
type holes struct {
	f        *os.File
	size     int64
	from, to int64 // the range of data found last
}

// end returns the end of the chunks from i on that lie in a hole. It returns i if chunk i does not.
func (h *holes) end(i int64) int64 {
	off := i * chunkSize
	if off >= h.to && h.find(off) != nil {
		h.from, h.to = off, h.size // the error shows when the file is read
	}
	switch {
	case off >= h.from:
		return i
	case h.from >= h.size:
		return chunkCount(h.size)
	}
	return h.from / chunkSize
}

// find finds the first data at or after off.
func (h *holes) find(off int64) (err error) {
	h.from, err = disk.NextData(h.f, off)
	if err == io.EOF || err == nil && h.from >= h.size {
		h.from, h.to = h.size, h.size
		return nil
	}
	if err == nil {
		h.to, err = disk.NextHole(h.f, h.from)
	}
	return err
}

// maxHoles is how many ranges of a file are checked to find out how much of it is data.
const maxHoles = 4096

// dataIn returns how many bytes of a file are not in holes. After maxHoles ranges, it counts the rest as data.
func dataIn(f *os.File, size int64) (data int64) {
	h := holes{f: f, size: size}
	for range maxHoles {
		if h.to >= size {
			return data
		}
		if h.find(h.to) != nil {
			break
		}
		data += min(h.to, size) - min(h.from, size)
	}
	return data + max(0, size-h.to)
}
