package transfer

import (
	"encoding/binary"
	"math/bits"

	"lukechampine.com/blake3/guts"
)

const (
	// chunkSize is how much of a file is hashed, sent, verified and journaled at a time. It is a
	// power of two of at least 1 KiB, so that a chunk is a subtree of the file's BLAKE3 tree.
	// 256 KiB takes a second on a path of 2 Mbit/s, so little is lost when a link breaks. The
	// 32-byte hash adds 1/8192. Two dozen chunks in memory are enough to keep disk, processors
	// and network busy at the same time.
	chunkSize   = 1 << chunkShift
	chunkShift  = 18
	chunkHeight = chunkShift - 10 // of its subtree, above BLAKE3's leaves of 1 KiB

	hashSize = 32

	// maxFileSize limits the announced size of a file, so that no arithmetic overflows.
	maxFileSize = 1 << 49
)

// A cv is the chaining value of a subtree of a file's BLAKE3 tree.
type cv [hashSize]byte

// chunkCount is the number of chunks of a file of size bytes.
func chunkCount(size int64) int64 { return (size + chunkSize - 1) / chunkSize }

// chunkLen is the length of the i-th chunk of a file of size bytes.
func chunkLen(size, i int64) int { return int(min(chunkSize, size-i*chunkSize)) }

// hashChunk returns the root of the subtree over data, the i-th chunk of its file.
// The tree is that of the BLAKE3 specification, section 2.1: the left side is the
// largest power of two that leaves something to the right.
func hashChunk(data []byte, i int64) guts.Node {
	return subtree(data, uint64(i)<<chunkHeight)
}

func subtree(data []byte, leaf uint64) guts.Node {
	const wide = guts.MaxSIMD * guts.ChunkSize
	if len(data) <= wide {
		return hashWide(data, leaf)
	}
	half := 1 << (bits.Len(uint(len(data)-1)) - 1)
	l := guts.ChainingValue(subtree(data[:half], leaf))
	r := guts.ChainingValue(subtree(data[half:], leaf+uint64(half/guts.ChunkSize)))
	return guts.ParentNode(l, r, &guts.IV, 0)
}

// hashWide hashes as much as fits into one vectorized call.
func hashWide(data []byte, leaf uint64) guts.Node {
	const wide = guts.MaxSIMD * guts.ChunkSize
	if cap(data) >= wide { // bytes after data are ignored
		return guts.CompressBuffer((*[wide]byte)(data[:wide]), len(data), &guts.IV, leaf, 0)
	}
	var buf [wide]byte
	return guts.CompressBuffer(&buf, copy(buf[:], data), &guts.IV, leaf, 0)
}

func nodeCV(n guts.Node) cv { return packCV(guts.ChainingValue(n)) }

func packCV(w [8]uint32) (c cv) {
	for i, v := range w {
		binary.LittleEndian.PutUint32(c[4*i:], v)
	}
	return c
}

func unpackCV(c cv) (w [8]uint32) {
	for i := range w {
		w[i] = binary.LittleEndian.Uint32(c[4*i:])
	}
	return w
}

// A digester computes a file's digest from its chunks, added from first to last. Its stack
// holds one subtree for each bit of the chunk count. It holds back the latest part, because
// the last part of the file is joined to the others differently.
type digester struct {
	stack [64][8]uint32 // one subtree for each bit of count, at the bit's index
	count uint64        // chunks in the stack
	held  guts.Node     // the part held back, if holds is 1
	heldW [8]uint32     // its chaining value
	holds int           // 0: nothing is held back; 1: a node; 2: only a chaining value
	level int           // the part held back covers 2^level chunks
}

// addChunk adds one chunk.
func (d *digester) addChunk(n guts.Node) {
	d.settle()
	d.held, d.heldW, d.holds, d.level = n, guts.ChainingValue(n), 1, 0
}

// addCV adds a subtree of 2^level chunks. It must start at a multiple of 2^level, and must
// not contain the last chunk of the file together with others.
func (d *digester) addCV(c cv, level int) {
	d.settle()
	d.heldW, d.holds, d.level = unpackCV(c), 2, level
}

func (d *digester) settle() {
	if d.holds == 0 {
		return
	}
	i, w := d.level, d.heldW
	for ; d.count&(1<<i) != 0; i++ {
		w = guts.ChainingValue(guts.ParentNode(d.stack[i], w, &guts.IV, 0))
	}
	d.stack[i] = w
	d.count += 1 << d.level
	d.holds = 0
}

// sum returns the digest of the file. The only chunk of a file must be added with addChunk.
func (d *digester) sum() (digest [32]byte) {
	n, w := d.held, d.heldW
	if d.holds == 0 {
		n = hashChunk(nil, 0)
	}
	for i := range bits.Len64(d.count) {
		if d.count&(1<<i) != 0 {
			n = guts.ParentNode(d.stack[i], w, &guts.IV, 0)
			w = guts.ChainingValue(n)
		}
	}
	return rootDigest(n)
}

// rootDigest returns the digest of a file whose tree has the root n. For a file of at most one
// chunk, n is the node of that chunk.
func rootDigest(n guts.Node) (digest [32]byte) {
	n.Flags |= guts.FlagRoot
	out := guts.WordsToBytes(guts.CompressNode(n))
	copy(digest[:], out[:])
	return digest
}

// subtrees splits the chunks from first up to end, of a file of total chunks, into the largest
// aligned subtrees, and returns their levels in order. The last chunk of a file stays alone.
func subtrees(first, end, total int64) (levels []int) {
	for at := first; at < end; {
		stop := end
		if at != total-1 {
			stop = min(end, total-1)
		}
		level := min(bits.TrailingZeros64(uint64(at)), bits.Len64(uint64(stop-at))-1)
		levels = append(levels, level)
		at += 1 << level
	}
	return levels
}

// joinCVs returns the chaining value of the tree over cvs, whose number is a power of two.
func joinCVs(cvs []cv) cv {
	for len(cvs) > 1 {
		for i := range len(cvs) / 2 {
			cvs[i] = nodeCV(guts.ParentNode(unpackCV(cvs[2*i]), unpackCV(cvs[2*i+1]), &guts.IV, 0))
		}
		cvs = cvs[:len(cvs)/2]
	}
	return cvs[0]
}
