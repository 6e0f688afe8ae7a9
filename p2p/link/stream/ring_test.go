package stream

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"testing"
)

// TestRing writes and reads runs of a stream while the ring grows, and compares
// with the whole of the stream.
func TestRing(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 0))
		stream := text(2 << 20)
		var r ring
		base, end := 0, 0
		for end < len(stream) {
			n := min(random.IntN([]int{10, 5000, 100_000, 500_000}[random.IntN(4)])+1, len(stream)-end)
			r.grow(end+n-base, uint64(base), uint64(end))
			r.write(uint64(end), stream[end:end+n])
			end += n
			got := make([]byte, end-base)
			r.read(uint64(base), got)
			if !bytes.Equal(got, stream[base:end]) {
				t.Fatalf("seed %d: [%d, %d) differs", seed, base, end)
			}
			if random.IntN(3) > 0 {
				base += random.IntN(end - base + 1)
			}
			if want := end - base; r.size() < want {
				t.Fatalf("seed %d: the size is %d, want %d", seed, r.size(), want)
			}
		}
	}
}

// TestRingGrowsWithoutGarbage: what has grown took little more memory than it
// is large.
func TestRingGrowsWithoutGarbage(t *testing.T) {
	const size = 8 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var r ring
	for n := 1000; n < size; n += 1000 {
		r.grow(n, 0, uint64(n-1000))
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > size*5/4 {
		t.Errorf("%d bytes were allocated for a ring of %d", took, size)
	}
}
