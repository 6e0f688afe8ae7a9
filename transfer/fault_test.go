package transfer

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// during is a stream that calls do once, after left bytes were written to it.
type during struct {
	*end
	left int
	do   func()
}

func (d *during) Write(p []byte) (int, error) {
	if d.left -= len(p); d.left < 0 && d.do != nil {
		d.do()
		d.do = nil
	}
	return d.end.Write(p)
}

// A file that changes while it is sent is never reported as sent, and the other files continue.
func TestSourceChanges(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(path string) error{
		"grown":   func(p string) error { return appendTo(p, []byte("more")) },
		"shrunk":  func(p string) error { return os.Truncate(p, 25*chunkSize) },
		"rewrite": func(p string) error { return os.WriteFile(p, noise(9, 40*chunkSize), 0o644) },
		"replaced": func(p string) error {
			return errors.Join(os.Remove(p), os.WriteFile(p, noise(9, 40*chunkSize), 0o644))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, dst := filepath.Join(t.TempDir(), "f"), t.TempDir()
			big := write(t, filepath.Join(src, "big"), noise(1, 40*chunkSize))
			write(t, filepath.Join(src, "small"), []byte("small"))
			a, b := newPipe()
			sent, got := exchange(t.Context(), &during{a, 8 * chunkSize, func() {
				if err := change(big); err != nil {
					t.Error(err)
				}
			}}, b, Source{Paths: []string{src}}, SendOptions{}, ReceiveOptions{Dir: dst})
			if !errors.Is(sent.err, ErrPartial) || !errors.Is(got.err, ErrPartial) || sent.Files != 1 || sent.Failed != 1 {
				t.Errorf("Send: %v, Receive: %v", sent.err, got.err)
			}
			f := sent.files()["f/big"]
			if f.Status != StatusFailed || !errors.Is(f.Err, ErrChanged) || f.Reason != "changed while sending" {
				t.Errorf("told as %+v", f)
			}
			got.forgetState(t, dst)
			sameTree(t, tree(t, dst), map[string]string{"f": "/", "f/small": "small"})
		})
	}
}

func appendTo(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// If the only file changes, the error is ErrChanged, not ErrPartial.
func TestSourceChangesAlone(t *testing.T) {
	t.Parallel()
	src := write(t, filepath.Join(t.TempDir(), "a"), noise(1, 40*chunkSize))
	a, b := newPipe()
	sent, got := exchange(t.Context(), &during{a, 8 * chunkSize, func() { appendTo(src, []byte("more")) }}, b,
		Source{Paths: []string{src}}, SendOptions{}, ReceiveOptions{Dir: t.TempDir()})
	if !errors.Is(sent.err, ErrChanged) || !errors.Is(got.err, ErrChanged) {
		t.Errorf("Send: %v, Receive: %v", sent.err, got.err)
	}
}

func TestNoTarget(t *testing.T) {
	t.Parallel()
	src := write(t, filepath.Join(t.TempDir(), "a"), []byte("a"))
	sent, got := transfer(t, filepath.Join(t.TempDir(), "missing"), src)
	var e *Error
	if !errors.Is(got.err, ErrStorage) || !errors.Is(sent.err, ErrStorage) || !errors.As(sent.err, &e) || !e.Peer {
		t.Errorf("Send: %v, Receive: %v", sent.err, got.err)
	}
}

func TestNoSource(t *testing.T) {
	t.Parallel()
	a, b := newPipe()
	if _, err := Send(t.Context(), a, Source{Paths: []string{filepath.Join(t.TempDir(), "missing")}}, SendOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Send: %v", err)
	}
	if _, err := b.Read(make([]byte, 1)); err == nil {
		t.Error("the stream is open still")
	}
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("modes forbid nothing to root, nor on Windows")
	}
	src, dst := filepath.Join(t.TempDir(), "f"), t.TempDir()
	for _, p := range []string{"unreadable", "shut/a", "ok"} {
		write(t, filepath.Join(src, p), []byte(p))
	}
	if err := os.Chmod(filepath.Join(src, "unreadable"), 0); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dst, "f/shut"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dst, "f/shut"), 0o555); err != nil {
		t.Fatal(err)
	}
	sent, got := transfer(t, dst, src)
	if !errors.Is(sent.err, ErrPartial) || !errors.Is(got.err, ErrPartial) || sent.Failed != 2 || sent.Files != 1 {
		t.Errorf("Send: %v, Receive: %v", sent.err, got.err)
	}
	for _, p := range []string{"f/unreadable", "f/shut/a"} {
		if f := sent.files()[p]; f.Status != StatusFailed || f.Reason != "permission denied" {
			t.Errorf("told as %+v", f)
		}
	}
}

func TestLimit(t *testing.T) {
	t.Parallel()
	a, b := newPipe()
	src := write(t, filepath.Join(t.TempDir(), "a"), noise(1, 1<<20))
	start := time.Now()
	sent, _ := exchange(t.Context(), a, b, Source{Paths: []string{src}}, SendOptions{Limit: 4 << 20}, ReceiveOptions{Dir: t.TempDir()})
	if d := time.Since(start); sent.err != nil || d < 190*time.Millisecond {
		t.Errorf("1 MiB at 4 MiB/s in %v, %v", d, sent.err)
	}
}

// On both sides, the last Progress has the full size.
func TestProgress(t *testing.T) {
	t.Parallel()
	sent, got := mustTransfer(t, t.TempDir(), write(t, filepath.Join(t.TempDir(), "a"), noise(1, 5*chunkSize)))
	for _, o := range []*outcome{sent, got} {
		last, ok := o.events[len(o.events)-1].(Progress)
		if !ok || last.Bytes != 5*chunkSize || last.Total != 5*chunkSize {
			t.Errorf("last event %+v", o.events[len(o.events)-1])
		}
		if _, ok := o.events[0].(Offer); !ok {
			t.Errorf("first event %+v", o.events[0])
		}
	}
}
