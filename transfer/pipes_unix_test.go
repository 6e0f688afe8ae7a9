//go:build unix

package transfer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"p2ptool/transfer/internal/disk"
)

// within fails the test if f does not return in time, because it blocks.
func within(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("blocked")
	}
}

// A pipe in the target folder with the name of a received folder does not delay other files.
func TestPipeInPlaceOfATargetFolder(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2 * chunkSize} {
		src, dst := filepath.Join(t.TempDir(), "f"), t.TempDir()
		write(t, filepath.Join(src, "sub", "inner", "a"), noise(1, size))
		write(t, filepath.Join(src, "ok"), []byte("ok"))
		if err := os.Mkdir(filepath.Join(dst, "f"), 0o755); err != nil {
			t.Fatal(err)
		}
		makePipe(t, filepath.Join(dst, "f", "sub"))
		within(t, func() {
			sent, got := transfer(t, dst, src)
			if !errors.Is(sent.err, ErrPartial) || !errors.Is(got.err, ErrPartial) {
				t.Errorf("Send: %v, Receive: %v", sent.err, got.err)
			}
			got.forgetState(t, dst)
		})
		sameTree(t, tree(t, dst), map[string]string{"f": "/", "f/ok": "ok", "f/sub": "p---------"})
	}
}

// The same holds for a folder whose own entry was not sent.
func TestPipeInPlaceOfAFolderWithoutEntry(t *testing.T) {
	t.Parallel()
	dst := t.TempDir()
	makePipe(t, filepath.Join(dst, "f"))
	for _, size := range []int{1, chunkSize + 1} {
		data := noise(1, size)
		within(t, func() {
			got := receiveFrom(t, ReceiveOptions{Dir: dst}, func(p *rawPeer) {
				p.say(offerOf("f"))
				hear[*acceptMsg](p)
				p.say(file(0, "f/a", int64(size)), &doneMsg{1})
				hear[*wantMsg](p)
				for i := range int64(chunkCount(int64(size))) {
					chunk := data[i*chunkSize : i*chunkSize+int64(chunkLen(int64(size), i))]
					p.data(0, uint32(i), nodeCV(hashChunk(chunk, i)), chunk)
				}
				p.say(whole(0, data))
				hear[*summaryMsg](p)
				p.say(&byeMsg{})
			})
			if got.err == nil {
				t.Error("a file was put into a pipe")
			}
		})
	}
}

// If a pipe replaces a folder or file while it is sent, the sender does not wait for it, and does not send it.
func TestPipeRacedIntoTheSource(t *testing.T) {
	t.Parallel()
	for _, raced := range []string{"sub", "sub/a", ""} {
		src, dst := filepath.Join(t.TempDir(), "f"), t.TempDir()
		write(t, filepath.Join(src, "a"), []byte("a"))
		write(t, filepath.Join(src, "sub", "a"), []byte("a"))
		replace := func() {
			if err := errors.Join(os.RemoveAll(filepath.Join(src, raced))); err != nil {
				t.Error(err)
			}
			makePipe(t, filepath.Join(src, raced))
		}
		within(t, func() {
			a, b := newPipe()
			accept := func(context.Context, Offer) error { replace(); return nil } // everything is announced by then
			sent, _ := exchange(t.Context(), a, b, Source{Paths: []string{src}}, SendOptions{}, ReceiveOptions{Dir: dst, Accept: accept})
			// If the walk has not reached it yet, it sees the pipe and skips it.
			if _, err := os.Lstat(filepath.Join(dst, "f", raced)); sent.err == nil && err == nil {
				t.Errorf("%q: sent, though a pipe took its place", raced)
			}
		})
	}
}

// No function that opens a folder blocks on a pipe.
func TestPipeIsNoFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	makePipe(t, pipe)
	fi, err := os.Lstat(pipe)
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for name, open := range map[string]func() error{
		"the target":         func() error { return CheckTarget(pipe) },
		"scratch":            func() error { _, err := NewScratch(pipe, 1<<20); return err },
		"unfinished":         func() error { _, err := FindUnfinished(pipe); return err },
		"a file below":       func() error { return top{dir: pipe, base: "x"}.check() },
		"a folder of a walk": func() error { _, _, err := openFolder(root, "pipe", fi); return err },
		"a folder below":     func() error { _, err := disk.OpenFolder(root, "pipe"); return err },
		"a sync":             func() error { return disk.SyncDir(root, "pipe") },
		"a time":             func() error { return disk.SetTime(root, "pipe/x", time.Unix(1, 0)) },
		"a source folder": func() error {
			_, err := new(sourceRoot).folder(&outgoing{top: &top{dir: dir}, rel: "pipe/x"})
			return err
		},
	} {
		within(t, func() {
			if err := open(); err == nil {
				t.Errorf("%s: a pipe was opened", name)
			}
		})
	}
}
