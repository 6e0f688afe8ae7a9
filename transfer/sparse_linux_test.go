package transfer

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"lukechampine.com/blake3"
)

// sparseFile makes a file with pieces of data at the given offsets.
func sparseFile(t *testing.T, path string, size int64, data map[int64][]byte) string {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Skip("no such files here: ", err)
	}
	for off, b := range data {
		if _, err := f.WriteAt(b, off); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func allocated(t *testing.T, path string) int64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Blocks * 512
}

// Holes stay holes, wherever they are, and nothing is sent for them.
func TestSparse(t *testing.T) {
	t.Parallel()
	const size = 400*chunkSize + 100
	for name, data := range map[string]map[int64][]byte{
		"holes alone":  nil,
		"data first":   {0: noise(1, 3*chunkSize)},
		"data last":    {size - 5: noise(1, 5)},
		"odd pieces":   {5000: noise(1, 9000), 10*chunkSize - 1: noise(2, 2), 100*chunkSize + 4096: noise(3, 4*chunkSize), 301 * chunkSize: noise(4, chunkSize)},
		"every second": {0: noise(1, 1), 2 * chunkSize: noise(1, 1), 4 * chunkSize: noise(1, 1), 6 * chunkSize: noise(1, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, dst := sparseFile(t, filepath.Join(t.TempDir(), "a"), size, data), t.TempDir()
			a, b := newPipe()
			counted := &counter{end: a}
			sent, got := exchange(t.Context(), counted, b, Source{Paths: []string{src}}, SendOptions{}, ReceiveOptions{Dir: dst})
			checkSame(t, src, filepath.Join(dst, "a"), sent, got)
			bytes := int64(0)
			for _, b := range data {
				bytes += int64(len(b))
			}
			if most := bytes + int64(len(data)+1)*2*chunkSize; counted.n > most || allocated(t, filepath.Join(dst, "a")) > most {
				t.Errorf("%d bytes were sent, %d take room", counted.n, allocated(t, filepath.Join(dst, "a")))
			}
		})
	}
}

// A counter counts the bytes that are written.
type counter struct {
	*end
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	return c.end.Write(b)
}

func checkSame(t *testing.T, src, dst string, sent, got *outcome) {
	t.Helper()
	if sent.err != nil || got.err != nil {
		t.Fatalf("Send: %v, Receive: %v", sent.err, got.err)
	}
	want, err := os.ReadFile(src)
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile(dst)
	if err != nil || !bytes.Equal(have, want) {
		t.Errorf("the content differs: %v", err)
	}
	checkDigest(t, sent.files()["a"], want)
	checkDigest(t, got.files()["a"], want)
}

// Zeros in a file become holes as well. A Writer and the file of a stream get them as zeros.
func TestZeros(t *testing.T) {
	t.Parallel()
	data := append(make([]byte, 20*chunkSize), noise(1, 10)...)
	src, dst := write(t, filepath.Join(t.TempDir(), "a"), data), t.TempDir()
	sent, got := transfer(t, dst, src)
	checkSame(t, src, filepath.Join(dst, "a"), sent, got)
	if n := allocated(t, filepath.Join(dst, "a")); n > chunkSize {
		t.Errorf("%d bytes take room", n)
	}
	var out bytes.Buffer
	a, b := newPipe()
	sent, got = exchange(t.Context(), a, b, Source{Paths: []string{src}}, SendOptions{}, ReceiveOptions{Writer: &out})
	if sent.err != nil || got.err != nil || !bytes.Equal(out.Bytes(), data) {
		t.Errorf("Send: %v, Receive: %v, %d bytes", sent.err, got.err, out.Len())
	}
	a, b = newPipe()
	sent, got = exchange(t.Context(), a, b, Source{Reader: bytes.NewReader(data), Name: "s"}, SendOptions{}, ReceiveOptions{Dir: dst})
	if have, err := os.ReadFile(filepath.Join(dst, "s")); sent.err != nil || got.err != nil || err != nil || !bytes.Equal(have, data) {
		t.Errorf("Send: %v, Receive: %v, %v", sent.err, got.err, err)
	}
}

// A file with holes can be resumed, even if there was data in place of a hole before.
func TestResumeSparse(t *testing.T) {
	t.Parallel()
	const size = 300 * chunkSize
	pieces := map[int64][]byte{0: noise(1, 30*chunkSize), 100 * chunkSize: noise(2, 30*chunkSize), 290 * chunkSize: noise(3, chunkSize)}
	src, dst := sparseFile(t, filepath.Join(t.TempDir(), "a"), size, pieces), t.TempDir()
	interrupt(t, dst, src, 50*chunkSize)
	if _, got := resume(t, dst, src); got.ResumedBytes < 10*chunkSize {
		t.Errorf("%d bytes resumed", got.ResumedBytes)
	}
	full := write(t, filepath.Join(t.TempDir(), "b"), noise(7, 60*chunkSize))
	interrupt(t, dst, full, 50*chunkSize)
	sparseFile(t, full, 80*chunkSize, map[int64][]byte{40 * chunkSize: noise(7, chunkSize)})
	sent, got := send2(t, dst, full)
	if sent.err != nil || got.err != nil {
		t.Fatalf("Send: %v, Receive: %v", sent.err, got.err)
	}
	want, _ := os.ReadFile(full)
	if have, err := os.ReadFile(filepath.Join(dst, "b")); err != nil || !bytes.Equal(have, want) || got.files()["b"].BLAKE3 != blake3.Sum256(want) {
		t.Errorf("the content differs: %v", err)
	}
}

func send2(t *testing.T, dst, src string) (sent, got *outcome) {
	a, b := newPipe()
	return send(t, a, b, dst, src)
}

// A file of zeros that is far larger than the disk arrives quickly.
func TestSparseLarge(t *testing.T) {
	t.Parallel()
	dst := smallDisk(t, "size=8m")
	src := sparseFile(t, filepath.Join(t.TempDir(), "a"), 200<<30+10, map[int64][]byte{200 << 30: noise(1, 10)})
	start := time.Now()
	sent, got := transfer(t, dst, src)
	if sent.err != nil || got.err != nil {
		t.Fatalf("Send: %v, Receive: %v", sent.err, got.err)
	}
	fi, err := os.Stat(filepath.Join(dst, "a"))
	if err != nil || fi.Size() != 200<<30+10 || allocated(t, filepath.Join(dst, "a")) > 1<<20 {
		t.Errorf("%v, %v", fi, err)
	}
	t.Logf("in %v", time.Since(start))
	if sent.files()["a"].BLAKE3 != got.files()["a"].BLAKE3 {
		t.Error("digests differ")
	}
}

// Unexpected or invalid ZEROS end the transfer.
func TestHostileZeros(t *testing.T) {
	t.Parallel()
	for name, zeros := range map[string][]message{
		"behind the end":  {&zerosMsg{0, 3, 0}},
		"out of order":    {&zerosMsg{0, 1, 0}},
		"over the last":   {&zerosMsg{0, 0, 0}, &zerosMsg{0, 1, 0}, &zerosMsg{0, 2, 1}},
		"twice":           {&zerosMsg{0, 0, 1}, &zerosMsg{0, 0, 1}},
		"not aligned":     {&zerosMsg{0, 0, 0}, &zerosMsg{0, 1, 1}},
		"of no entry":     {&zerosMsg{9, 0, 0}},
		"far out":         {&zerosMsg{0, 1 << 31, 0}},
		"of a small file": {&zerosMsg{1, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dst := t.TempDir()
			got := receiveFrom(t, ReceiveOptions{Dir: dst}, func(p *rawPeer) {
				p.say(offerOf("a", "b"))
				if _, err := hear[*acceptMsg](p); err != nil {
					t.Error(err)
				}
				p.say(file(0, "a", 3*chunkSize), file(1, "b", 10))
				if _, err := hear[*wantMsg](p); err != nil {
					t.Error(err)
				}
				p.say(zeros...)
				_, _ = hear[*abortMsg](p)
			})
			if !errors.Is(got.err, ErrProtocol) {
				t.Errorf("Receive: %v", got.err)
			}
		})
	}
}

// Virtual files whose size the system reports as 0 arrive completely, alone and in a folder.
func TestVirtualFile(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile("/proc/version")
	if err != nil {
		t.Skip(err)
	}
	dst := t.TempDir()
	sent, got := mustTransfer(t, dst, "/proc/version")
	if sent.Bytes != int64(len(want)) || got.files()["version"].BLAKE3 != blake3.Sum256(want) {
		t.Errorf("sent %+v, received %+v", sent.Result, got.files())
	}
	sameTree(t, tree(t, dst), map[string]string{"version": string(want)})

	sys := "/sys/class/net/lo/statistics"
	if _, err := os.Stat(sys); err != nil {
		t.Skip(err)
	}
	dst = t.TempDir()
	mustTransfer(t, dst, sys) // files with a size of 4096 that contain only a few digits
	for _, name := range namesIn(t, sys) {
		if b, err := os.ReadFile(filepath.Join(dst, "statistics", name)); err != nil || !strings.HasSuffix(string(b), "\n") || len(b) > 30 {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

// A file with size 0 that has data when it is opened has an unknown size. This happens on FUSE file systems,
// and if the file was just written.
func TestNotEmpty(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := write(t, filepath.Join(dir, "a"), nil)
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	f := &found{dir: root, rel: "a", info: info}
	if s := f.size(); s != (fileSize{}) {
		t.Errorf("empty: %+v", s)
	}
	write(t, path, []byte("x"))
	if s := f.size(); !s.stream {
		t.Errorf("not empty: %+v", s)
	}
}

// A file of unknown size cannot exceed what was accepted.
func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]ReceiveOptions{"by what was accepted": {}, "by the limit": {MaxSize: 3 * chunkSize}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o.Dir = t.TempDir()
			got := receiveFrom(t, o, func(p *rawPeer) {
				m := offerOf("f")
				m.files, m.folders, m.bytes, m.data = 20, 1, 10, 10
				if o.MaxSize > 0 {
					m.bytes, m.data = -1, -1
				}
				p.say(m)
				if _, err := hear[*acceptMsg](p); err != nil {
					t.Error(err)
				}
				p.say(&entryMsg{what: entryFolder, mode: 0o755, path: "f"})
				for i := range uint32(20) {
					p.say(&entryMsg{n: i + 1, what: entryStream, mode: 0o644, size: -1, data: -1, path: "f/" + string(rune('a'+i))})
				}
				for i := range uint32(20) {
					if _, err := hear[*wantMsg](p); err != nil {
						return
					}
					data := noise(1, chunkSize)
					p.data(i+1, 0, hashOf(data), data)
					p.say(whole(i+1, data))
				}
				_, _ = hear[*abortMsg](p)
			})
			if got.err == nil || got.Bytes > 6*chunkSize {
				t.Errorf("%v, %d bytes", got.err, got.Bytes)
			}
		})
	}
}

// A file that grows while it is read is reported as changed, even if its metadata does not show it.
func TestReadBeyond(t *testing.T) {
	t.Parallel()
	for _, size := range []int{10, chunkSize, 3 * chunkSize} {
		f, err := os.Open(write(t, filepath.Join(t.TempDir(), "a"), noise(1, size)))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		b := make([]byte, chunkSize)
		if size <= chunkSize {
			for less, want := range map[int]error{0: nil, 1: ErrChanged, -1: ErrChanged} {
				if n := size - less; n <= chunkSize {
					if err := readWhole(f, b, n); err != want {
						t.Errorf("%d bytes read as %d: %v", size, n, err)
					}
				}
			}
		}
		if err := readBeyond(f, int64(size)); err != nil {
			t.Error(err)
		}
		if err := readBeyond(f, int64(size)-1); err != ErrChanged {
			t.Error(err)
		}
	}
}
