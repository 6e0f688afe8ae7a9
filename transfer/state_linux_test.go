package transfer

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// A partial folder that others may have written to is refused, and nothing is received.
func TestForeignState(t *testing.T) {
	t.Parallel()
	src := write(t, filepath.Join(t.TempDir(), "a"), noise(1, 3*chunkSize))
	for name, make := range map[string]func(state string) error{
		"another user's": func(s string) error { return errors.Join(os.Mkdir(s, 0o700), os.Chown(s, nobody, nobody)) },
		"open to all":    func(s string) error { return errors.Join(os.Mkdir(s, 0o700), os.Chmod(s, 0o777)) },
		"a group's":      func(s string) error { return errors.Join(os.Mkdir(s, 0o700), os.Chmod(s, 0o770)) },
		"a link": func(s string) error {
			return errors.Join(os.Mkdir(s+"x", 0o700), os.Symlink(filepath.Base(s)+"x", s))
		},
		"a file": func(s string) error { return os.WriteFile(s, nil, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dst := t.TempDir()
			if err := make(filepath.Join(dst, stateFolder)); errors.Is(err, os.ErrPermission) {
				t.Skip("only root can")
			} else if err != nil {
				t.Fatal(err)
			}
			sent, got := transfer(t, dst, src)
			if !errors.Is(got.err, ErrStorage) || !errors.Is(sent.err, ErrStorage) || !strings.Contains(got.err.Error(), stateFolder) {
				t.Errorf("Send: %v, Receive: %v", sent.err, got.err)
			}
			if _, err := os.Lstat(filepath.Join(dst, "a")); err == nil {
				t.Error("the file is there")
			}
		})
	}
}

// A partial file with another hard link is not used, because others could write to it through that.
func TestLinkedPartial(t *testing.T) {
	t.Parallel()
	data := noise(1, 40*chunkSize)
	src, dst := write(t, filepath.Join(t.TempDir(), "a"), data), t.TempDir()
	interrupt(t, dst, src, 30*chunkSize)
	for _, name := range partials(t, dst) {
		if strings.HasSuffix(name, partExt) {
			if err := os.Link(filepath.Join(dst, stateFolder, name), filepath.Join(t.TempDir(), "elsewhere")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, got := resume(t, dst, src); got.ResumedBytes != 0 {
		t.Errorf("%d bytes were resumed", got.ResumedBytes)
	}
}

// Only the file that was verified gets the final name.
func TestSwappedPartial(t *testing.T) {
	t.Parallel()
	src, dst := write(t, filepath.Join(t.TempDir(), "a"), noise(1, 8*chunkSize)), t.TempDir()
	a, b := newPipe()
	swap := &during{a, 4 * chunkSize, func() {
		for u, _ := FindUnfinished(dst); u.Bytes < chunkSize; u, _ = FindUnfinished(dst) { // it is being written
			runtime.Gosched()
		}
		for _, name := range partials(t, dst) {
			if strings.HasSuffix(name, partExt) {
				os.Remove(filepath.Join(dst, stateFolder, name))
				os.WriteFile(filepath.Join(dst, stateFolder, name), []byte("evil"), 0o644)
			}
		}
	}}
	sent, got := exchange(t.Context(), swap, b, Source{Paths: []string{src}}, SendOptions{}, ReceiveOptions{Dir: dst})
	if sent.err == nil || got.err == nil {
		t.Errorf("Send: %v, Receive: %v", sent.err, got.err)
	}
	if _, err := os.Lstat(filepath.Join(dst, "a")); err == nil {
		t.Error("the other file has the name")
	}
}

// Many simultaneous transfers of the same name by the same peer do not interfere.
func TestSameNameAtOnce(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"small": 100, "large": 6*chunkSize + 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const n = 40
			dst := t.TempDir()
			want := make(map[string]bool)
			var wg sync.WaitGroup
			for i := range n {
				data := noise(uint64(i), size)
				want[string(data)] = true
				src := write(t, filepath.Join(t.TempDir(), "a"), data)
				wg.Go(func() {
					if sent, got := transfer(t, dst, src); sent.err != nil || got.err != nil {
						t.Errorf("Send: %v, Receive: %v", sent.err, got.err)
					}
				})
			}
			wg.Wait()
			for _, data := range tree(t, dst) {
				delete(want, data)
			}
			if len(want) > 0 || len(partials(t, dst)) > 0 {
				t.Errorf("%d are missing, left over are %q", len(want), partials(t, dst))
			}
		})
	}
}

// Each of several interrupted transfers of the same name resumes its own data.
func TestResumeOfSeveral(t *testing.T) {
	t.Parallel()
	dst := t.TempDir()
	var srcs []string
	for i := range 3 {
		srcs = append(srcs, write(t, filepath.Join(t.TempDir(), "a"), noise(uint64(i), 40*chunkSize)))
	}
	attempt := func(i int, a, b io.ReadWriteCloser) *outcome {
		_, got := exchange(t.Context(), a, b, Source{Paths: []string{srcs[i]}}, SendOptions{ID: [16]byte{1 + byte(i)}},
			ReceiveOptions{Dir: dst, Peer: "peer"})
		return got
	}
	var wg, begun sync.WaitGroup
	begun.Add(len(srcs))
	for i := range srcs {
		wg.Go(func() {
			a, b := cutAfter(30 * chunkSize)
			attempt(i, &during{a, 25 * chunkSize, func() { begun.Done(); begun.Wait() }}, b)
		})
	}
	wg.Wait()
	for i := range srcs {
		a, b := newPipe()
		if got := attempt(i, a, b); got.err != nil || got.ResumedBytes == 0 {
			t.Errorf("%d: %v, %d bytes resumed", i, got.err, got.ResumedBytes)
		}
	}
	if left := partials(t, dst); len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
}

// Old partial files are removed, unless they are in use.
func TestExpiry(t *testing.T) {
	t.Parallel()
	dst := t.TempDir()
	interrupted := func(name string) string {
		src := write(t, filepath.Join(t.TempDir(), name), noise(1, 40*chunkSize))
		interrupt(t, dst, src, 30*chunkSize)
		return src
	}
	interrupted("old")
	old := partials(t, dst)
	long := time.Now().Add(-KeepUnfinished - time.Hour)
	for _, name := range old {
		if err := os.Chtimes(filepath.Join(dst, stateFolder, name), long, long); err != nil {
			t.Fatal(err)
		}
	}
	st, err := openStore(t.Context(), dst, "peer")
	if err != nil {
		t.Fatal(err)
	}
	defer st.close()
	for _, name := range old {
		if strings.HasSuffix(name, partExt) {
			f, locked := st.lockSlot(name)
			if !locked {
				t.Fatal("somebody has it")
			}
			interrupted("young")
			f.Close()
		}
	}
	if u, err := FindUnfinished(dst); err != nil || u.Files != 2 || u.Bytes < 20*chunkSize {
		t.Errorf("%+v, %v", u, err)
	}
	interrupted("younger")
	for _, name := range partials(t, dst) {
		for _, gone := range old {
			if name == gone {
				t.Errorf("%s is still there", name)
			}
		}
	}
	if u, err := FindUnfinished(dst); err != nil || u.Files != 2 {
		t.Errorf("%+v, %v", u, err)
	}
}

// If the target folder is removed, Receive returns an error and does not hang.
func TestTargetRemoved(t *testing.T) {
	t.Parallel()
	dst := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(dst, 0o755); err != nil {
		t.Fatal(err)
	}
	st, err := openStore(t.Context(), dst, "peer")
	if err != nil {
		t.Fatal(err)
	}
	defer st.close()
	if err := os.Remove(dst); err != nil {
		t.Fatal(err)
	}
	if _, err := openBatch(st, offerOf("a")); !errors.Is(err, ErrStorage) {
		t.Error(err)
	}
}

// If the receiver was killed right after it renamed a file, the next transfer removes the journal.
func TestOrphanedJournal(t *testing.T) {
	t.Parallel()
	src, dst := write(t, filepath.Join(t.TempDir(), "a"), noise(1, 40*chunkSize)), t.TempDir()
	interrupt(t, dst, src, 30*chunkSize)
	for _, name := range partials(t, dst) {
		if strings.HasSuffix(name, partExt) {
			if err := os.Remove(filepath.Join(dst, stateFolder, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	resume(t, dst, src)
	if left := partials(t, dst); len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
}

// If an attempt ends only after the next one has started, what it holds is removed when that one is done.
func TestLateEnd(t *testing.T) {
	t.Parallel()
	src, dst := write(t, filepath.Join(t.TempDir(), "a"), noise(1, 40*chunkSize)), t.TempDir()
	interrupt(t, dst, src, 30*chunkSize)
	st, err := openStore(t.Context(), dst, "peer")
	if err != nil {
		t.Fatal(err)
	}
	defer st.close()
	var held []*os.File
	for _, name := range partials(t, dst) {
		if f, locked := st.lockSlot(name); locked && !strings.HasSuffix(name, journalExt) {
			held = append(held, f)
		}
	}
	a, b := newPipe()
	end := &during{a, 4 * chunkSize, func() {
		for _, f := range held {
			f.Close()
		}
	}}
	sent, got := exchange(t.Context(), end, b, Source{Paths: []string{src}}, SendOptions{ID: [16]byte{2}}, ReceiveOptions{Dir: dst, Peer: "peer"})
	if sent.err != nil || got.err != nil || got.ResumedBytes != 0 || len(held) != 2 {
		t.Fatalf("Send: %v, Receive: %v, %d held", sent.err, got.err, len(held))
	}
	if left := partials(t, dst); len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
}

// CheckSource and CheckTarget detect sources and targets that cannot work.
func TestChecks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := CheckSource(Source{Paths: []string{write(t, filepath.Join(dir, "a"), nil), dir}}); err != nil {
		t.Error(err)
	}
	for _, p := range []string{"/", filepath.Join(dir, "none")} {
		if err := CheckSource(Source{Paths: []string{p}}); err == nil {
			t.Errorf("%q can be sent", p)
		}
	}
	if err := CheckTarget(dir); err != nil || len(partials(t, dir)) > 0 {
		t.Error(err)
	}
	if err := CheckTarget("/proc/self"); !errors.Is(err, ErrStorage) {
		t.Error(err)
	}
}
