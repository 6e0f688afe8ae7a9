package transfer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"
)

func receiveWith(t *testing.T, o ReceiveOptions, src Source) (sent, got *outcome) {
	t.Helper()
	a, b := newPipe()
	return exchange(t.Context(), a, b, src, SendOptions{}, o)
}

func TestConflict(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		conflict Conflict
		want     map[string]string
	}{
		"rename":    {Rename, map[string]string{"a.txt": "old", "a (1).txt": "older", "a (2).txt": "new"}},
		"skip":      {Skip, map[string]string{"a.txt": "old", "a (1).txt": "older"}},
		"overwrite": {Overwrite, map[string]string{"a.txt": "new", "a (1).txt": "older"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dst := t.TempDir()
			write(t, filepath.Join(dst, "a.txt"), []byte("old"))
			write(t, filepath.Join(dst, "a (1).txt"), []byte("older"))
			src := write(t, filepath.Join(t.TempDir(), "a.txt"), []byte("new"))
			sent, got := receiveWith(t, ReceiveOptions{Dir: dst, Conflict: c.conflict}, Source{Paths: []string{src}})
			if sent.err != nil || got.err != nil {
				t.Fatalf("Send: %v, Receive: %v", sent.err, got.err)
			}
			sameTree(t, tree(t, dst), c.want)
			if f := got.files()["a (2).txt"]; c.conflict == Rename && f.Renamed != "a.txt" {
				t.Errorf("renaming is told as %+v", f)
			}
			if c.conflict == Skip && (sent.Skipped != 1 || got.Skipped != 1 || sent.Files != 0) {
				t.Errorf("skipping is told as %+v, %+v", sent.Result, got.Result)
			}
		})
	}
}

// Two paths with the same base name are both sent.
func TestSameBaseName(t *testing.T) {
	t.Parallel()
	src, dst := t.TempDir(), t.TempDir()
	mustTransfer(t, dst, write(t, filepath.Join(src, "1/a.txt"), []byte("one")), write(t, filepath.Join(src, "2/a.txt"), []byte("two")))
	sameTree(t, tree(t, dst), map[string]string{"a.txt": "one", "a (1).txt": "two"})
}

func TestBaseNames(t *testing.T) {
	src := t.TempDir()
	write(t, filepath.Join(src, "f/g/a"), []byte("a"))
	symlink(t, "f", filepath.Join(src, "link"))
	t.Chdir(filepath.Join(src, "f", "g"))
	for path, want := range map[string]string{".": "g", "..": "f", "../../f/": "f", "a": "a", "../../link/": "f", "../g/.": "g"} {
		if got, err := resolveTop(path); err != nil || got.name != want {
			t.Errorf("%q is offered as %q, %v, want %q", path, got.name, err, want)
		}
	}
	for _, path := range []string{"/", "missing"} {
		if got, err := resolveTop(path); err == nil {
			t.Errorf("%q is offered as %q", path, got.name)
		}
	}
}

func TestSpecialFilesAreSkipped(t *testing.T) {
	t.Parallel()
	src, dst := filepath.Join(t.TempDir(), "f"), t.TempDir()
	write(t, filepath.Join(src, "a"), []byte("a"))
	symlink(t, "a", filepath.Join(src, "link"))
	symlink(t, "/etc", filepath.Join(src, "etc"))
	makePipe(t, filepath.Join(src, "pipe"))
	write(t, filepath.Join(src, stateFolder, "x.part"), []byte("half"))
	sent, _ := mustTransfer(t, dst, src)
	sameTree(t, tree(t, dst), map[string]string{"f": "/", "f/a": "a"})
	if sent.Skipped != 4 || sent.files()["f/link"].Reason != "a symbolic link" || sent.files()["f/pipe"].Reason != "not a regular file" {
		t.Errorf("skipped: %+v", sent.files())
	}
}

// Links and pipes that were planted in the target folder lead nowhere and block nothing.
func TestPlantedTargets(t *testing.T) {
	t.Parallel()
	for _, conflict := range []Conflict{Rename, Overwrite} {
		src, dst, outside := filepath.Join(t.TempDir(), "f"), t.TempDir(), t.TempDir()
		for _, p := range []string{"pipe", "link", "dir/a", "ok"} {
			write(t, filepath.Join(src, p), []byte("new"))
		}
		write(t, filepath.Join(outside, "victim"), []byte("old"))
		if err := os.Mkdir(filepath.Join(dst, "f"), 0o755); err != nil {
			t.Fatal(err)
		}
		makePipe(t, filepath.Join(dst, "f/pipe"))
		for from, to := range map[string]string{"f/link": filepath.Join(outside, "victim"), "f/dir": outside} {
			symlink(t, to, filepath.Join(dst, from))
		}
		sent, got := receiveWith(t, ReceiveOptions{Dir: dst, Conflict: conflict}, Source{Paths: []string{src}})
		if !errors.Is(sent.err, ErrPartial) || !errors.Is(got.err, ErrPartial) {
			t.Errorf("Send: %v, Receive: %v", sent.err, got.err)
		}
		sameTree(t, tree(t, outside), map[string]string{"victim": "old"})
		want := map[string]string{"f": "/", "f/ok": "new", "f/dir": "L---------", "f/link": "L---------", "f/pipe": "p---------", "f/link (1)": "new", "f/pipe (1)": "new"}
		if conflict == Overwrite {
			want = map[string]string{"f": "/", "f/ok": "new", "f/dir": "L---------", "f/link": "new", "f/pipe": "new"}
		}
		got.forgetState(t, dst)
		sameTree(t, tree(t, dst), want)
	}
}

// forgetState removes the partial folder, which remains while a transfer is incomplete.
func (o *outcome) forgetState(t *testing.T, dst string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(dst, stateFolder)); err != nil {
		t.Fatal(err)
	}
}

func TestStateFolderPlanted(t *testing.T) {
	t.Parallel()
	src, dst, outside := write(t, filepath.Join(t.TempDir(), "a"), []byte("a")), t.TempDir(), t.TempDir()
	symlink(t, outside, filepath.Join(dst, stateFolder))
	sent, got := transfer(t, dst, src)
	if sent.err == nil || got.err == nil {
		t.Error("state was written through a symbolic link")
	}
	sameTree(t, tree(t, outside), map[string]string{})
}

func TestStream(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 10, chunkSize, 5*chunkSize + 3} {
		data := noise(uint64(n), n)
		dst := t.TempDir()
		sent, got := receiveWith(t, ReceiveOptions{Dir: dst}, Source{Reader: iotest.OneByteReader(bytes.NewReader(data)), Name: "in"})
		if n > chunkSize {
			sent, got = receiveWith(t, ReceiveOptions{Dir: dst, Conflict: Overwrite}, Source{Reader: iotest.HalfReader(bytes.NewReader(data)), Name: "in"})
		}
		if sent.err != nil || got.err != nil {
			t.Fatalf("Send: %v, Receive: %v", sent.err, got.err)
		}
		sameTree(t, tree(t, dst), map[string]string{"in": string(data)})
		checkDigest(t, sent.files()["in"], data)
		checkDigest(t, got.files()["in"], data)
	}
}

func TestStreamThatFails(t *testing.T) {
	t.Parallel()
	dst := t.TempDir()
	sent, got := receiveWith(t, ReceiveOptions{Dir: dst}, Source{Reader: io.MultiReader(bytes.NewReader(noise(1, 3*chunkSize)), iotest.ErrReader(errors.New("broken"))), Name: "in"})
	if !errors.Is(sent.err, ErrPartial) || !errors.Is(got.err, ErrPartial) {
		t.Errorf("Send: %v, Receive: %v", sent.err, got.err)
	}
	got.forgetState(t, dst)
	sameTree(t, tree(t, dst), map[string]string{})
}

func TestWriter(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 10, 5*chunkSize + 3} {
		data := noise(uint64(n), n)
		for _, src := range []Source{{Reader: bytes.NewReader(data), Name: "in"}, {Paths: []string{write(t, filepath.Join(t.TempDir(), "a"), data)}}} {
			var out bytes.Buffer
			sent, got := receiveWith(t, ReceiveOptions{Writer: &out}, src)
			if sent.err != nil || got.err != nil || !bytes.Equal(out.Bytes(), data) {
				t.Errorf("Send: %v, Receive: %v, %d bytes", sent.err, got.err, out.Len())
			}
		}
	}
	var out bytes.Buffer
	sent, got := receiveWith(t, ReceiveOptions{Writer: &out}, Source{Paths: []string{t.TempDir()}})
	if !errors.Is(sent.err, ErrRefused) || !errors.Is(got.err, ErrRefused) {
		t.Errorf("a folder to a writer: Send: %v, Receive: %v", sent.err, got.err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	src, dst := write(t, filepath.Join(t.TempDir(), "a"), noise(1, 5000)), t.TempDir()
	for name, o := range map[string]ReceiveOptions{
		"asked": {Dir: dst, Accept: func(_ context.Context, o Offer) error {
			if o.Files != 1 || o.Bytes != 5000 || o.Names[0] != "a" || o.Count != 1 {
				t.Errorf("offer %+v", o)
			}
			return errors.New("not from you")
		}},
		"size": {Dir: dst, MaxSize: 4999},
	} {
		sent, got := receiveWith(t, o, Source{Paths: []string{src}})
		var e *Error
		if !errors.Is(sent.err, ErrRefused) || !errors.As(sent.err, &e) || !e.Peer || e.Reason == "" {
			t.Errorf("%s: Send: %v", name, sent.err)
		}
		if !errors.Is(got.err, ErrRefused) || !errors.As(got.err, &e) || e.Peer {
			t.Errorf("%s: Receive: %v", name, got.err)
		}
		sameTree(t, tree(t, dst), map[string]string{})
	}
	if sent, got := receiveWith(t, ReceiveOptions{Dir: dst, MaxSize: 999}, Source{Reader: bytes.NewReader(noise(1, 1000)), Name: "in"}); !errors.Is(sent.err, ErrRefused) || !errors.Is(got.err, ErrRefused) {
		t.Errorf("stream: Send: %v, Receive: %v", sent.err, got.err)
	}
}

// If the sender leaves while Accept runs, Accept's context ends.
func TestSenderGoneWhileAsking(t *testing.T) {
	t.Parallel()
	a, b := newPipe()
	src := write(t, filepath.Join(t.TempDir(), "a"), nil)
	ctx, cancel := context.WithCancel(t.Context())
	sent, got := exchange(ctx, a, b, Source{Paths: []string{src}}, SendOptions{}, ReceiveOptions{Dir: t.TempDir(), Accept: func(rctx context.Context, _ Offer) error {
		cancel()
		<-rctx.Done()
		return rctx.Err()
	}})
	if !errors.Is(sent.err, context.Canceled) || got.err == nil {
		t.Errorf("Send: %v, Receive: %v", sent.err, got.err)
	}
}

func TestStreamCut(t *testing.T) {
	t.Parallel()
	dst := t.TempDir()
	a, b := cutAfter(5 * chunkSize)
	sent, got := exchange(t.Context(), a, b, Source{Reader: bytes.NewReader(noise(1, 9*chunkSize)), Name: "in"},
		SendOptions{}, ReceiveOptions{Dir: dst, Peer: "peer"})
	for _, o := range []*outcome{sent, got} {
		var e *Error
		if !errors.Is(o.err, ErrInterrupted) || !errors.As(o.err, &e) || e.Resumable {
			t.Errorf("error %v", o.err)
		}
	}
	sameTree(t, tree(t, dst), map[string]string{})
}
