package transfer

import (
	"bytes"
	_ "embed"
	"io"
	"os"

	"lukechampine.com/blake3/guts"

	"p2ptool/transfer/internal/disk"
)

// What is zero in a file is neither read nor sent, nor does it take room at the receiver. Its hashes are part of the
// file's digest all the same, and they depend on where it is: each leaf of a BLAKE3 tree is hashed with its number. So
// those of large subtrees stand in a table, or 200 GB of nothing would take a minute of hashing on either side.
const (
	zeroLevel = 12 // of the subtrees in the table: 1 GiB
	zeroSize  = chunkSize << zeroLevel
)

// zeroTable has the chaining values of the subtrees of zeroLevel of a file of zeros, from its beginning on.
//
//go:embed zeros.bin
var zeroTable string

// maxZeros is the end of the table. What is zero behind it is sent like anything else, so that
// nobody can make the other side hash without end.
var maxZeros = int64(len(zeroTable)/hashSize) * zeroSize

var zeroChunk = make([]byte, chunkSize)

// isZero reports whether all of b, of a chunk at most, is zero.
func isZero(b []byte) bool { return bytes.Equal(b, zeroChunk[:len(b)]) }

// zeroHash returns the chaining value of 2^level chunks of zeros from chunk i on, a multiple of as many, within
// the table.
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

// hashZeros hashes a part, of a file of so many bytes. Its last chunk may be shorter than others, and is a part
// by itself.
func hashZeros(first int64, level int, size int64) cv {
	if n := chunkLen(size, first); level == 0 && n < chunkSize {
		return nodeCV(hashChunk(zeroChunk[:n], first))
	}
	return zeroHash(first, level)
}

// zeroParts takes a run of chunks of zeros apart, of a file of total chunks.
func zeroParts(first, end, total int64) (levels []int) {
	for _, level := range subtrees(first, end, total) {
		for n := 1 << max(0, level-zeroLevel); n > 0; n-- {
			levels = append(levels, min(level, zeroLevel))
		}
	}
	return levels
}

// fits reports whether a part may come of a file of total chunks.
func (z zeroPart) fits(total int64) bool {
	return z.level <= zeroLevel && z.first&(1<<z.level-1) == 0 && z.end() <= total && (z.level == 0 || z.end() < total) && z.end() <= maxZeros/chunkSize
}

// joinZeros adds a part behind the others, of a file of total chunks. Two halves of a subtree become one, so that their
// number stays small; but the last chunk stays alone.
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

// holes finds what of a file lies in holes.
type holes struct {
	f        *os.File
	size     int64
	from, to int64 // the data that was found last
}

// end returns up to which chunk all from chunk i on are in a hole; i itself if that is not.
func (h *holes) end(i int64) int64 {
	off := i * chunkSize
	if off >= h.to && h.find(off) != nil {
		h.from, h.to = off, h.size // what is wrong shows when it is read
	}
	switch {
	case off >= h.from:
		return i
	case h.from >= h.size:
		return chunkCount(h.size)
	}
	return h.from / chunkSize
}

// find finds the data at an offset, or behind it.
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

// maxHoles is how many pieces of a file are looked at to find out how much of it is data.
const maxHoles = 4096

// dataIn returns how much of a file is not in holes.
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
