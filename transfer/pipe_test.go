package transfer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"lukechampine.com/blake3"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		os.Exit(child(role, os.Args[1]))
	}
	// Syncing each file is slow on a disk, and the tests do not depend on it.
	if fi, err := os.Stat("/dev/shm"); err == nil && fi.IsDir() && os.Getenv("TMPDIR") == "" {
		os.Setenv("TMPDIR", "/dev/shm")
	}
	goleak.VerifyTestMain(m)
}

// A half is one direction of a duplex pipe with a buffer.
type half struct {
	mu     sync.Mutex
	cond   *sync.Cond
	buf    bytes.Buffer
	closed bool
	cut    bool  // nothing more arrives, and what is in flight is lost
	left   int64 // bytes until the cut; -1: none
}

const pipeBuffer = 1 << 20

func newHalf() *half {
	h := &half{left: -1}
	h.cond = sync.NewCond(&h.mu)
	return h
}

func (h *half) Write(p []byte) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for n < len(p) {
		for h.buf.Len() >= pipeBuffer && !h.closed && !h.cut {
			h.cond.Wait()
		}
		if h.closed || h.cut {
			return n, io.ErrClosedPipe
		}
		k := min(len(p)-n, pipeBuffer-h.buf.Len())
		if h.left >= 0 && int64(k) > h.left {
			k = int(h.left)
		}
		h.buf.Write(p[n : n+k])
		n += k
		if h.left >= 0 {
			if h.left -= int64(k); h.left == 0 {
				h.cut = true
			}
		}
		h.cond.Broadcast()
	}
	return n, nil
}

func (h *half) Read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.buf.Len() == 0 {
		if h.closed || h.cut {
			return 0, io.EOF
		}
		h.cond.Wait()
	}
	n, _ := h.buf.Read(p)
	h.cond.Broadcast()
	return n, nil
}

func (h *half) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.cond.Broadcast()
}

// An end is one end of a duplex pipe. Closing it ends both directions, but data that was
// written still arrives.
type end struct{ in, out *half }

func (e *end) Read(p []byte) (int, error)  { return e.in.Read(p) }
func (e *end) Write(p []byte) (int, error) { return e.out.Write(p) }
func (e *end) Close() error {
	e.in.close()
	e.out.close()
	return nil
}

func newPipe() (a, b *end) {
	x, y := newHalf(), newHalf()
	return &end{x, y}, &end{y, x}
}

// An outcome is the result and the events of one side.
type outcome struct {
	Result
	err    error
	mu     sync.Mutex
	events []Event
}

func (o *outcome) add(e Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.events = append(o.events, e)
}

// files returns the File events by path.
func (o *outcome) files() map[string]File {
	fs := make(map[string]File)
	for _, e := range o.events {
		if f, ok := e.(File); ok {
			fs[f.Path] = f
		}
	}
	return fs
}

// exchange runs a transfer over the pipe with the ends a and b.
func exchange(ctx context.Context, a, b io.ReadWriteCloser, src Source, so SendOptions, ro ReceiveOptions) (sent, got *outcome) {
	sent, got = new(outcome), new(outcome)
	so.OnEvent, ro.OnEvent = sent.add, got.add
	var wg sync.WaitGroup
	wg.Go(func() { sent.Result, sent.err = Send(ctx, a, src, so) })
	wg.Go(func() { got.Result, got.err = Receive(ctx, b, ro) })
	wg.Wait()
	return sent, got
}

// transfer sends paths to dir over a new pipe.
func transfer(t *testing.T, dir string, paths ...string) (sent, got *outcome) {
	t.Helper()
	a, b := newPipe()
	return exchange(t.Context(), a, b, Source{Paths: paths}, SendOptions{}, ReceiveOptions{Dir: dir, Peer: "peer"})
}

func mustTransfer(t *testing.T, dir string, paths ...string) (sent, got *outcome) {
	t.Helper()
	sent, got = transfer(t, dir, paths...)
	if sent.err != nil || got.err != nil {
		t.Fatalf("Send: %v, Receive: %v", sent.err, got.err)
	}
	return sent, got
}

func write(t *testing.T, path string, data []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// tree returns everything below dir: the contents of files, and "/" for folders.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	m := make(map[string]string)
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		switch {
		case rel == ".":
		case d.IsDir():
			m[filepath.ToSlash(rel)] = "/"
		case d.Type().IsRegular():
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			m[filepath.ToSlash(rel)] = string(b)
		default:
			m[filepath.ToSlash(rel)] = d.Type().String()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func sameTree(t *testing.T, got, want map[string]string) {
	t.Helper()
	for p, w := range want {
		if g, ok := got[p]; !ok {
			t.Errorf("%q is missing", p)
		} else if g != w {
			t.Errorf("%q differs: %d bytes, want %d", p, len(g), len(w))
		}
	}
	for p := range got {
		if _, ok := want[p]; !ok {
			t.Errorf("%q should not be there", p)
		}
	}
}

func checkDigest(t *testing.T, f File, data []byte) {
	t.Helper()
	if f.BLAKE3 != blake3.Sum256(data) || f.Bytes != int64(len(data)) {
		t.Errorf("%s: told as %d bytes with another digest than BLAKE3's", f.Path, f.Bytes)
	}
}

// symlink makes a symbolic link. It skips the test if it cannot: on Windows it needs a privilege.
func symlink(t *testing.T, to, path string) {
	t.Helper()
	err := os.Symlink(to, path)
	if runtime.GOOS == "windows" {
		if _, readErr := os.Readlink(path); err != nil || readErr != nil {
			t.Skip("no symbolic links here: ", errors.Join(err, readErr))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}
