package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
)

// A load is what is sent: one large file, or a folder of small ones.
type load struct {
	path  string
	bytes int64
	files int // 0: one file
}

// makeFile writes a file that cannot be compressed.
func makeFile(path string, bytes int64, seed byte) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = io.CopyN(f, rand.NewChaCha8([32]byte{seed}), bytes)
	return err
}

const (
	smallFile   = 4 << 10
	filesFolder = 1000 // files in a folder, at most
)

// makeFolder writes a folder of small files, in folders.
func makeFolder(path string, files int) error {
	random := rand.NewChaCha8([32]byte{2})
	buf := make([]byte, smallFile)
	for i := range files {
		dir := filepath.Join(path, fmt.Sprintf("%03d", i/filesFolder))
		if i%filesFolder == 0 {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
		}
		_, _ = random.Read(buf) // never fails
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%05d", i)), buf, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// verify checks that everything that was sent is in a folder, unchanged.
func (l load) verify(folder string) error {
	return filepath.WalkDir(l.path, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(filepath.Dir(l.path), path)
		if err != nil {
			return err
		}
		return same(path, filepath.Join(folder, rel))
	})
}

// same compares two files.
func same(sent, got string) error {
	a, err := os.Open(sent)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := os.Open(got)
	if err != nil {
		return err
	}
	defer b.Close()
	x, y := make([]byte, 256<<10), make([]byte, 256<<10)
	for {
		n, errA := io.ReadFull(a, x)
		m, errB := io.ReadFull(b, y)
		if !bytes.Equal(x[:n], y[:m]) {
			return fmt.Errorf("%s is not what was sent", filepath.Base(got))
		}
		if errA != nil || errB != nil {
			return nil // both ended: the same number of bytes was read
		}
	}
}

// occupied returns how many bytes of a folder's files were written: a file may have been
// extended to its final size before.
func occupied(folder string) (sum int64) {
	_ = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // it may have been removed in the meantime
		}
		var s syscall.Stat_t
		if syscall.Stat(path, &s) == nil {
			sum += min(s.Blocks*512, s.Size)
		}
		return nil
	})
	return sum
}
