package transfer

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// smallDisk mounts a tmpfs with the options.
func smallDisk(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if os.Getuid() != 0 {
		t.Skip("only root may mount")
	}
	if err := unix.Mount("none", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("mounting: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestDiskFullBeforehand(t *testing.T) {
	t.Parallel()
	dst := smallDisk(t, "size=4m")
	src := write(t, filepath.Join(t.TempDir(), "a"), noise(1, 5<<20))
	sent, got := transfer(t, dst, src)
	if !errors.Is(sent.err, ErrStorage) || !errors.Is(got.err, ErrStorage) {
		t.Errorf("Send: %v, Receive: %v", sent.err, got.err)
	}
	sameTree(t, tree(t, dst), map[string]string{})
}

// If the disk fills up during a transfer, both sides return a clear error. Once there is room,
// the transfer can be resumed.
func TestDiskFullMeanwhile(t *testing.T) {
	t.Parallel()
	dst := smallDisk(t, "size=8m")
	data := noise(1, 6<<20)
	src := write(t, filepath.Join(t.TempDir(), "a"), data)
	a, b := newPipe()
	hog := filepath.Join(dst, "hog")
	sent, got := exchange(t.Context(), &during{a, 2 << 20, func() { os.WriteFile(hog, make([]byte, 5<<20), 0o600) }}, b,
		Source{Paths: []string{src}}, SendOptions{ID: [16]byte{1}}, ReceiveOptions{Dir: dst, Peer: "peer"})
	for _, o := range []*outcome{sent, got} {
		var e *Error
		if !errors.Is(o.err, ErrStorage) || !errors.As(o.err, &e) || !e.Resumable || e.Reason != "no space left on device" || e.Peer != (o == sent) {
			t.Errorf("error %v", o.err)
		}
	}
	if err := os.Remove(hog); err != nil {
		t.Fatal(err)
	}
	if sent, _ := resume(t, dst, src); sent.ResumedBytes == 0 {
		t.Error("nothing was resumed")
	}
}

// What is held already needs no room, even if another process sends the same.
func TestDiskFullButForTheRest(t *testing.T) {
	t.Parallel()
	dst := smallDisk(t, "size=8m")
	src := write(t, filepath.Join(t.TempDir(), "a"), noise(1, 6<<20))
	hog := filepath.Join(dst, "hog")
	for id, hogged := range []bool{true, false} {
		a, b := newPipe()
		var end io.ReadWriteCloser = a
		if hogged {
			end = &during{a, 4 << 20, func() { os.WriteFile(hog, make([]byte, 3<<20), 0o600) }}
		}
		sent, got := exchange(t.Context(), end, b, Source{Paths: []string{src}}, SendOptions{ID: [16]byte{byte(id + 1)}}, ReceiveOptions{Dir: dst, Peer: "peer"})
		if hogged != errors.Is(sent.err, ErrStorage) || hogged != errors.Is(got.err, ErrStorage) {
			t.Fatalf("with a hog %v: %v, %v", hogged, sent.err, got.err)
		}
		if !hogged && got.ResumedBytes == 0 {
			t.Error("nothing was resumed")
		}
		os.Remove(hog)
	}
}

func TestInodesFull(t *testing.T) {
	t.Parallel()
	dst := smallDisk(t, "size=8m,nr_inodes=20")
	src := filepath.Join(t.TempDir(), "f")
	for i := range 50 {
		write(t, filepath.Join(src, string(rune('A'+i))), []byte("x"))
	}
	sent, got := transfer(t, dst, src)
	if !errors.Is(sent.err, ErrStorage) || !errors.Is(got.err, ErrStorage) {
		t.Errorf("Send: %v, Receive: %v", sent.err, got.err)
	}
}

// A stream cannot be resumed, so nothing of it is kept, and the error is not resumable.
func TestDiskFullStream(t *testing.T) {
	t.Parallel()
	dst := smallDisk(t, "size=4m")
	a, b := newPipe()
	sent, got := exchange(t.Context(), a, b, Source{Reader: bytes.NewReader(noise(1, 8<<20)), Name: "in"},
		SendOptions{}, ReceiveOptions{Dir: dst, Peer: "peer"})
	for _, o := range []*outcome{sent, got} {
		var e *Error
		if !errors.Is(o.err, ErrStorage) || !errors.As(o.err, &e) || e.Resumable {
			t.Errorf("error %v", o.err)
		}
	}
	sameTree(t, tree(t, dst), map[string]string{})
}
