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

// writeFile creates a file of random bytes, which depend only on the seed.
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

// writeTree creates a folder of small files with several levels of subfolders, some of them
// empty.
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

// digests returns the digests of all files below a folder, by slash-separated path.
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

// reported returns the digests in a program's events, by path.
func reported(t *testing.T, p *program, status string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, e := range p.all(is("file")) {
		if e.Status != status {
			t.Errorf("%s: %q is %s: %s", p.name, e.Path, e.Status, e.Reason)
		}
		if _, twice := all[e.Path]; twice {
			t.Errorf("%s: %q was reported twice", p.name, e.Path)
		}
		all[e.Path] = e.BLAKE3
	}
	return all
}

// sameBytes checks that the folder to has exactly the files of the folder from, and that the
// events of both sides report them.
func sameBytes(t *testing.T, sender, receiver *program, from, to string) {
	t.Helper()
	want := digests(t, from)
	for _, got := range []struct {
		who   string
		files map[string]string
	}{
		{"the receiver's folder", digests(t, to)},
		{sender.name, reported(t, sender, "sent")},
		{receiver.name, reported(t, receiver, "received")},
	} {
		if !maps.Equal(got.files, want) {
			t.Errorf("%s has %s", got.who, difference(got.files, want))
		}
	}
}

// difference lists a few of the files that differ.
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
