package transfer

import (
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
)

// manySmall makes a folder of n small files, some of them empty, and returns it.
func manySmall(t *testing.T, n int) (dir string) {
	dir = filepath.Join(t.TempDir(), "many")
	for i := range n {
		write(t, filepath.Join(dir, fmt.Sprint(i%7), fmt.Sprint(i)), noise(uint64(i), i%3*1000))
	}
	return dir
}

// More small files than finalBatch, in several folders, arrive unchanged.
func TestManySmallFiles(t *testing.T) {
	t.Parallel()
	src, dst := manySmall(t, 3*finalBatch), t.TempDir()
	sent, got := mustTransfer(t, dst, src)
	if sent.Files != 3*finalBatch || got.Files != 3*finalBatch {
		t.Errorf("%d files sent, %d received", sent.Files, got.Files)
	}
	sameTree(t, tree(t, filepath.Join(dst, "many")), tree(t, src))
}

// Existing files keep their names and content, although small files are named without a prior check.
func TestManyNamesTaken(t *testing.T) {
	t.Parallel()
	src, dst := manySmall(t, 50), t.TempDir()
	want := tree(t, src)
	for i := range 50 {
		name := filepath.Join(fmt.Sprint(i%7), fmt.Sprint(i))
		write(t, filepath.Join(dst, "many", name), []byte("mine"))
	}
	before := tree(t, filepath.Join(dst, "many"))
	mustTransfer(t, dst, src)
	after := tree(t, filepath.Join(dst, "many"))
	for i := range 50 {
		name := fmt.Sprintf("%d/%d", i%7, i)
		if after[name] != before[name] {
			t.Errorf("%s was replaced", name)
		}
		if after[name+" (1)"] != want[name] {
			t.Errorf("%s is not what was sent", name+" (1)")
		}
	}
}

// receiverIn makes a receiver for dst, and starts none of its goroutines.
func receiverIn(t *testing.T, dst string) *receiver {
	t.Helper()
	_, rw := newPipe()
	r := newReceiver(t.Context(), rw, ReceiveOptions{Dir: dst})
	close(r.written)
	st, err := openStore(r.ctx, dst, "")
	if err == nil {
		err = st.makeState()
	}
	if err != nil {
		t.Fatal(err)
	}
	r.st, r.offer = st, offerOf("a")
	t.Cleanup(func() {
		r.folders.close()
		st.close()
		r.finish()
		<-r.closed
	})
	return r
}

// On a disk without nameless files, the result is the same.
func TestSmallFileNamed(t *testing.T) {
	t.Parallel()
	r := receiverIn(t, t.TempDir())
	r.named.Store(true)
	in := &incoming{m: &entryMsg{path: "a"}, local: "a", small: true}
	if err := r.writeSmall(in, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if in.tmp != nil || in.p == nil {
		t.Fatal("it is not a partial file")
	}
	if err := in.p.discard(); err != nil {
		t.Error(err)
	}
}

// Unused folders are closed, except the last one.
func TestTargetFolders(t *testing.T) {
	t.Parallel()
	r := receiverIn(t, t.TempDir())
	open := func(dir string) *targetFolder {
		f, err := r.targetFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	a, again, b := open("a"), open("a"), open("b/c")
	if a != again {
		t.Error("a folder was opened twice")
	}
	r.folders.drop(a)
	if _, err := a.Stat(); err != nil {
		t.Errorf("a folder in use: %v", err)
	}
	r.folders.drop(again)
	if _, err := a.Stat(); err == nil { // Windows does not return os.ErrClosed
		t.Errorf("a folder that nobody uses is open: %v", err)
	}
	r.folders.drop(b)
	if _, err := b.Stat(); err != nil {
		t.Errorf("the last folder: %v", err)
	}
	r.folders.forget(open("b/c"))
	if n := len(r.folders.byDir); n != 0 {
		t.Errorf("%d folders are left", n)
	}
	if _, err := r.targetFolder(stateFolder); err == nil {
		t.Error("the folder of the state was opened")
	}
}

// An interrupted transfer leaves no partial small files, and no incomplete files under final names.
func TestSmallFilesCut(t *testing.T) {
	t.Parallel()
	src, dst := manySmall(t, 200), t.TempDir()
	want := tree(t, src)
	a, b := cutAfter(60_000)
	send(t, a, b, dst, src)
	for path, content := range tree(t, filepath.Join(dst, "many")) {
		if want[path] != content {
			t.Errorf("%s is not whole", path)
		}
	}
	for _, name := range partials(t, dst) {
		if strings.HasSuffix(name, partExt) {
			t.Errorf("%s is left", name)
		}
	}
	a, b = newPipe()
	if sent, got := send(t, a, b, dst, src); sent.err != nil || got.err != nil {
		t.Fatalf("Send: %v, Receive: %v", sent.err, got.err)
	}
	if have := tree(t, filepath.Join(dst, "many")); !maps.Equal(have, want) {
		sameTree(t, have, want)
	}
}
