package endtoend

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"lukechampine.com/blake3"
)

const (
	kB = 1000
	mB = 1000 * kB
	gB = 1000 * mB
)

// writeFile makes a file of random bytes, the same ones for the same seed.
func writeFile(t *testing.T, path string, size int64, seed uint64) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	if _, err := io.CopyBuffer(f, io.LimitReader(rand.NewChaCha8(key), size), make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
}

// writeTree makes a folder of small files in several layers of folders, some of
// them empty.
func writeTree(t *testing.T, dir string, files int) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	for i := range files {
		name := fmt.Sprintf("%d/%d/file %d", i%7, i%50, i)
		size := r.Int64N(8 * kB)
		if i%100 == 0 {
			size = 0
		}
		writeFile(t, filepath.Join(dir, name), size, uint64(i))
	}
}

// digest returns a file's BLAKE3 digest in hex.
func digest(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := blake3.New(32, nil)
	if _, err := io.CopyBuffer(h, f, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// digests returns those of all files below a folder, by their paths with slashes.
func digests(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(dir, path)
			all[filepath.ToSlash(name)] = digest(t, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// told returns the digests that a side's events tell, by path.
func told(t *testing.T, p *program, status string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, e := range p.all(is("file")) {
		if e.Status != status {
			t.Errorf("%s: %q is %s: %s", p.name, e.Path, e.Status, e.Reason)
		}
		if _, twice := all[e.Path]; twice {
			t.Errorf("%s: %q was told twice", p.name, e.Path)
		}
		all[e.Path] = e.BLAKE3
	}
	return all
}

// sameBytes checks that what was in the folder from is in the folder to, nothing
// else, and that both sides' events say so.
func sameBytes(t *testing.T, sender, receiver *program, from, to string) {
	t.Helper()
	want := digests(t, from)
	for _, got := range []struct {
		who   string
		files map[string]string
	}{
		{"the receiver's folder", digests(t, to)},
		{sender.name, told(t, sender, "sent")},
		{receiver.name, told(t, receiver, "received")},
	} {
		if !maps.Equal(got.files, want) {
			t.Errorf("%s has %s", got.who, difference(got.files, want))
		}
	}
}

// difference tells a few of the files in which two sides differ.
func difference(got, want map[string]string) string {
	s := fmt.Sprintf("%d files, want %d;", len(got), len(want))
	shown := 0
	for name, d := range want {
		if got[name] != d && shown < 3 {
			s += fmt.Sprintf(" %q is %.8q, want %.8q;", name, got[name], d)
			shown++
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok && shown < 6 {
			s += fmt.Sprintf(" %q is unknown;", name)
			shown++
		}
	}
	return s
}
