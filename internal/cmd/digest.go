package cmd

import (
	"bufio"
	"context"
	crand "crypto/rand"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"lukechampine.com/blake3"
)

// writeRandom creates a file of random bytes, and its folder, and returns its BLAKE3
// digest.
func writeRandom(ctx context.Context, path string, size int64) (digest [32]byte, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return digest, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return digest, err
	}
	var seed [32]byte
	crand.Read(seed[:])
	h := blake3.New(len(digest), nil)
	random := contextReader{ctx, io.LimitReader(rand.NewChaCha8(seed), size)}
	_, err = io.CopyBuffer(io.MultiWriter(f, h), random, make([]byte, 1<<20))
	h.Sum(digest[:0])
	return digest, errors.Join(err, f.Close())
}

// digestOf reads a file and returns its BLAKE3 digest.
func digestOf(ctx context.Context, path string) (digest [32]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return digest, err
	}
	defer f.Close()
	h := blake3.New(len(digest), nil)
	_, err = io.Copy(h, bufio.NewReaderSize(contextReader{ctx, f}, 1<<20))
	h.Sum(digest[:0])
	return digest, err
}

// A contextReader returns the context's error once that has ended.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (i contextReader) Read(b []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(b)
}
