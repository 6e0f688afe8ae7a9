package transfer

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkFile sends a file to a file, over a pipe in memory. The target is synced.
func BenchmarkFile(b *testing.B) {
	const size = 512 << 20
	src := filepath.Join(b.TempDir(), "a")
	if err := os.WriteFile(src, noise(1, size), 0o644); err != nil {
		b.Fatal(err)
	}
	benchmark(b, src, size)
}

// BenchmarkSmallFiles sends a folder of 2,000 files.
func BenchmarkSmallFiles(b *testing.B) {
	src := filepath.Join(b.TempDir(), "f")
	if err := os.Mkdir(src, 0o755); err != nil {
		b.Fatal(err)
	}
	for i := range 2000 {
		if err := os.WriteFile(filepath.Join(src, fmt.Sprint(i)), noise(uint64(i), 1000), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	benchmark(b, src, 2000*1000)
}

func benchmark(b *testing.B, src string, size int64) {
	b.SetBytes(size)
	for b.Loop() {
		dst := b.TempDir()
		x, y := newPipe()
		sent, got := exchange(b.Context(), x, y, Source{Paths: []string{src}}, SendOptions{}, ReceiveOptions{Dir: dst})
		if sent.err != nil || got.err != nil {
			b.Fatalf("Send: %v, Receive: %v", sent.err, got.err)
		}
		os.RemoveAll(dst)
	}
}
