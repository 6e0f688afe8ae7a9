package transfer

import (
	"math/rand/v2"
	"testing"

	"lukechampine.com/blake3"
)

// noise returns n pseudorandom bytes that depend only on seed.
func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	rand.NewChaCha8(key).Read(b)
	return b
}

func digestOf(data []byte) [32]byte {
	var d digester
	for i := range chunkCount(int64(len(data))) {
		d.addChunk(hashChunk(data[i*chunkSize:][:chunkLen(int64(len(data)), i)], i))
	}
	return d.sum()
}

func TestDigestIsThatOfBLAKE3(t *testing.T) {
	t.Parallel()
	sizes := []int{0, 1, 63, 64, 65, 1023, 1024, 1025, 2048, 2049, 3072, 16384, 16385, 17000, 40000, 131072, 200000}
	for n := 1; n <= 9; n++ {
		sizes = append(sizes, n*chunkSize-1, n*chunkSize, n*chunkSize+1, n*chunkSize+5000)
	}
	data := noise(1, 10*chunkSize)
	for _, n := range sizes {
		if digestOf(data[:n]) != blake3.Sum256(data[:n]) {
			t.Errorf("digest of %d bytes differs from BLAKE3's", n)
		}
	}
}

// The digest is the same if chunks are added as subtrees, in any division.
func TestDigestFromSubtrees(t *testing.T) {
	t.Parallel()
	data := noise(2, 13*chunkSize+77)
	rnd := rand.New(rand.NewPCG(1, 2))
	for size := chunkSize + 1; size <= len(data); size += chunkSize / 2 {
		data := data[:size]
		total := chunkCount(int64(size))
		nodes := make([]cv, total)
		for i := range total {
			nodes[i] = nodeCV(hashChunk(data[i*chunkSize:][:chunkLen(int64(size), i)], i))
		}
		for range 5 {
			var d digester
			for at := int64(0); at < total; {
				end := at + 1 + rnd.Int64N(total-at)
				for _, level := range subtrees(at, end, total) {
					d.addCV(joinCVs(append([]cv(nil), nodes[at:at+1<<level]...)), level)
					at += 1 << level
				}
			}
			if d.sum() != blake3.Sum256(data) {
				t.Fatalf("digest of %d bytes from subtrees differs", size)
			}
		}
	}
}

func BenchmarkHashChunk(b *testing.B) {
	data := noise(3, chunkSize)
	b.SetBytes(chunkSize)
	for b.Loop() {
		hashChunk(data, 3)
	}
}
