package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// cutAfter makes a pipe that breaks after n bytes from a to b.
func cutAfter(n int64) (a, b *end) {
	a, b = newPipe()
	a.out.left = n
	return a, b
}

// partials lists the files in the partial folder.
func partials(t *testing.T, dir string) (names []string) {
	t.Helper()
	es, err := os.ReadDir(filepath.Join(dir, stateFolder))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range es {
		names = append(names, e.Name())
	}
	return names
}

func send(t *testing.T, a, b io.ReadWriteCloser, dir, src string) (sent, got *outcome) {
	t.Helper()
	return exchange(t.Context(), a, b, Source{Paths: []string{src}}, SendOptions{ID: [16]byte{1}}, ReceiveOptions{Dir: dir, Peer: "peer"})
}

// If the stream breaks, at any byte, only what was in flight is lost.
func TestResumeAfterCut(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(seed, 1))
			src, dst := filepath.Join(t.TempDir(), "f"), t.TempDir()
			want := map[string]string{"f": "/"}
			for i := range 12 {
				data := noise(seed*100+uint64(i), rnd.IntN(3*chunkSize))
				if i == 5 {
					data = noise(seed, 20*chunkSize+rnd.IntN(chunkSize))
				}
				write(t, filepath.Join(src, fmt.Sprint(i)), data)
				want["f/"+fmt.Sprint(i)] = string(data)
			}
			for tries, resumed := 0, int64(0); ; tries++ {
				a, b := newPipe()
				half := a.out
				if rnd.IntN(4) == 0 {
					half = b.out
					half.left = 1 + rnd.Int64N(400)
				} else {
					half.left = 1 + rnd.Int64N(8<<20)
				}
				sent, got := send(t, a, b, dst, src)
				for p, data := range tree(t, dst) {
					if w, ok := want[p]; !strings.HasPrefix(p, stateFolder) && (!ok || w != data) {
						t.Fatalf("%q is there with %d bytes, want %d", p, len(data), len(w))
					}
				}
				if sent.err == nil {
					if got.err != nil {
						t.Fatalf("sent, but Receive: %v", got.err)
					}
					if tries > 2 && got.ResumedBytes == 0 {
						t.Error("nothing was resumed")
					}
					break
				}
				for _, o := range []*outcome{sent, got} {
					if o.err != nil && !errors.Is(o.err, ErrInterrupted) {
						t.Fatalf("Send: %v, Receive: %v", sent.err, got.err)
					}
				}
				if got.ResumedBytes < resumed {
					t.Errorf("resumed %d bytes, %d the time before", got.ResumedBytes, resumed)
				}
				resumed = 0
				if tries > 100 {
					t.Fatal("no progress")
				}
			}
			sameTree(t, tree(t, dst), want)
		})
	}
}

// interrupt sends src over a pipe that breaks after the given number of bytes.
func interrupt(t *testing.T, dst, src string, after int64) {
	t.Helper()
	a, b := cutAfter(after)
	sent, got := send(t, a, b, dst, src)
	if !errors.Is(sent.err, ErrInterrupted) || !errors.Is(got.err, ErrInterrupted) {
		t.Fatalf("Send: %v, Receive: %v", sent.err, got.err)
	}
	var e *Error
	if !errors.As(got.err, &e) || !e.Resumable || e.Peer {
		t.Errorf("error %+v is not told as resumable", e)
	}
}

// resume sends src until it is complete.
func resume(t *testing.T, dst, src string) (sent, got *outcome) {
	t.Helper()
	a, b := newPipe()
	sent, got = send(t, a, b, dst, src)
	if sent.err != nil || got.err != nil {
		t.Fatalf("Send: %v, Receive: %v", sent.err, got.err)
	}
	if sent.ResumedBytes != got.ResumedBytes {
		t.Errorf("resumed %d bytes here, %d there", sent.ResumedBytes, got.ResumedBytes)
	}
	data, err := os.ReadFile(src)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Base(src)
	sameTree(t, tree(t, dst), map[string]string{name: string(data)})
	checkDigest(t, sent.files()[name], data)
	checkDigest(t, got.files()[name], data)
	return sent, got
}

func TestResumeSameSource(t *testing.T) {
	t.Parallel()
	data := noise(1, 20*chunkSize+99)
	src, dst := write(t, filepath.Join(t.TempDir(), "a"), data), t.TempDir()
	interrupt(t, dst, src, 12*chunkSize)
	if n := len(partials(t, dst)); n != 3 {
		t.Errorf("state folder holds %v", partials(t, dst))
	}
	sent, _ := resume(t, dst, src)
	if sent.ResumedBytes != 11*chunkSize {
		t.Errorf("resumed %d chunks and %d bytes, want 11", sent.ResumedBytes/chunkSize, sent.ResumedBytes%chunkSize)
	}
}

// Another sender's file with the same name is not resumed.
func TestResumeOtherPeer(t *testing.T) {
	t.Parallel()
	src, dst := write(t, filepath.Join(t.TempDir(), "a"), noise(1, 9*chunkSize)), t.TempDir()
	interrupt(t, dst, src, 6*chunkSize)
	a, b := newPipe()
	sent, got := exchange(t.Context(), a, b, Source{Paths: []string{src}}, SendOptions{}, ReceiveOptions{Dir: dst, Peer: "other"})
	if sent.err != nil || got.err != nil || sent.ResumedBytes != 0 {
		t.Errorf("Send: %v, Receive: %v, resumed %d", sent.err, got.err, sent.ResumedBytes)
	}
}

func TestResumeChangedSource(t *testing.T) {
	t.Parallel()
	data := noise(1, 20*chunkSize+99)
	for name, c := range map[string]struct {
		change  func([]byte) []byte
		resumed int64
	}{
		"same bytes":  {func(b []byte) []byte { return b }, 11},
		"one byte":    {func(b []byte) []byte { b[3*chunkSize]++; return b }, 10},
		"shrunk":      {func(b []byte) []byte { return b[:4*chunkSize+5] }, 4},
		"to one":      {func(b []byte) []byte { return b[:9] }, 0},
		"to nothing":  {func(b []byte) []byte { return nil }, 0},
		"grown":       {func(b []byte) []byte { return append(b, b...) }, 11},
		"all changed": {func(b []byte) []byte { return noise(7, len(b)) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, dst := write(t, filepath.Join(t.TempDir(), "a"), data), t.TempDir()
			interrupt(t, dst, src, 12*chunkSize)
			write(t, src, c.change(append([]byte(nil), data...)))
			if sent, _ := resume(t, dst, src); sent.ResumedBytes != c.resumed*chunkSize {
				t.Errorf("resumed %d chunks, want %d", sent.ResumedBytes/chunkSize, c.resumed)
			}
		})
	}
}

// If the source changed, and the resumed transfer is interrupted as well, it is compared again.
func TestResumeChangedTwice(t *testing.T) {
	t.Parallel()
	data := noise(1, 20*chunkSize+99)
	src, dst := write(t, filepath.Join(t.TempDir(), "a"), data), t.TempDir()
	interrupt(t, dst, src, 12*chunkSize)
	for i := range 5 {
		data[i*3*chunkSize]++
		write(t, src, data)
		interrupt(t, dst, src, chunkSize/2+int64(i)*chunkSize)
	}
	resume(t, dst, src)
}

func TestResumeTouchedPartial(t *testing.T) {
	t.Parallel()
	data := noise(1, 20*chunkSize+99)
	for name, touch := range map[string]func(part string) error{
		"changed": func(part string) error {
			f, err := os.OpenFile(part, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteAt([]byte("something else"), 4*chunkSize)
			return err
		},
		"truncated": func(part string) error { return os.Truncate(part, 10*chunkSize+1) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, dst := write(t, filepath.Join(t.TempDir(), "a"), data), t.TempDir()
			interrupt(t, dst, src, 12*chunkSize)
			for _, p := range partials(t, dst) {
				if strings.HasSuffix(p, partExt) {
					if err := touch(filepath.Join(dst, stateFolder, p)); err != nil {
						t.Fatal(err)
					}
				}
			}
			if sent, _ := resume(t, dst, src); sent.ResumedBytes != 10*chunkSize {
				t.Errorf("resumed %d chunks, want 10", sent.ResumedBytes/chunkSize)
			}
		})
	}
}

// A journal that is damaged or torn anywhere never lists chunks that are not there.
func TestResumeDamagedJournal(t *testing.T) {
	t.Parallel()
	data := noise(1, 20*chunkSize+99)
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			src, dst := write(t, filepath.Join(t.TempDir(), "a"), data), t.TempDir()
			interrupt(t, dst, src, 12*chunkSize)
			rnd := rand.New(rand.NewPCG(seed, 2))
			for _, p := range partials(t, dst) {
				if p = filepath.Join(dst, stateFolder, p); strings.HasSuffix(p, journalExt) || strings.HasSuffix(p, doneExt) {
					b, err := os.ReadFile(p)
					if err != nil {
						t.Fatal(err)
					}
					b[rnd.IntN(len(b))] ^= 1 << rnd.IntN(8)
					if err := os.WriteFile(p, b[:len(b)-rnd.IntN(60)], 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			resume(t, dst, src)
		})
	}
}

// Files that an unfinished transfer completed are not sent again, and not created a second time.
func TestResumeBatch(t *testing.T) {
	t.Parallel()
	src, dst := filepath.Join(t.TempDir(), "f"), t.TempDir()
	want := map[string]string{"f": "/"}
	for i := range 40 {
		data := noise(uint64(i), chunkSize/2)
		write(t, filepath.Join(src, fmt.Sprint(i)), data)
		want["f/"+fmt.Sprint(i)] = string(data)
	}
	interrupt(t, dst, src, 12*chunkSize)
	there := len(tree(t, filepath.Join(dst, "f")))
	if there == 0 {
		t.Fatal("nothing was completed")
	}
	a, b := newPipe()
	var offer Offer
	sent, got := exchange(t.Context(), a, b, Source{Paths: []string{src}}, SendOptions{ID: [16]byte{1}},
		ReceiveOptions{Dir: dst, Peer: "peer", Accept: func(_ context.Context, o Offer) error { offer = o; return nil }})
	if sent.err != nil || got.err != nil {
		t.Fatalf("Send: %v, Receive: %v", sent.err, got.err)
	}
	if !offer.Resumes {
		t.Error("offer is not told as one that was accepted before")
	}
	sameTree(t, tree(t, dst), want)
	if sent.ResumedBytes != int64(there)*chunkSize/2 || got.ResumedBytes != sent.ResumedBytes || sent.Files != 40 {
		t.Errorf("resumed %d bytes for %d files", sent.ResumedBytes, there)
	}
	// It has ended now, so sending the same again is a new transfer.
	mustTransfer(t, dst, src)
	if n := len(tree(t, filepath.Join(dst, "f"))); n != 80 {
		t.Errorf("%d files after sending again, want 80", n)
	}
}

// The summary, or the answer to it, may get lost.
func TestResumeLostEnd(t *testing.T) {
	t.Parallel()
	data := noise(1, 100)
	for cut := int64(1); cut < 160; cut += 9 {
		src, dst := write(t, filepath.Join(t.TempDir(), "a"), data), t.TempDir()
		a, b := newPipe()
		b.out.left = cut
		sent, _ := send(t, a, b, dst, src)
		if sent.err == nil {
			break
		}
		resume(t, dst, src)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	for _, side := range []string{"sender", "receiver"} {
		t.Run(side, func(t *testing.T) {
			t.Parallel()
			data := noise(1, 20*chunkSize)
			src, dst := write(t, filepath.Join(t.TempDir(), "a"), data), t.TempDir()
			a, b := newPipe()
			ctx, cancel := context.WithCancel(t.Context())
			var sent, got error
			var gotRes Result
			done := make(chan struct{})
			so := SendOptions{ID: [16]byte{1}, Limit: 20 << 20}
			ro := ReceiveOptions{Dir: dst, Peer: "peer", OnEvent: func(e Event) {
				if p, ok := e.(Progress); ok && p.Bytes > 4*chunkSize {
					cancel()
				}
			}}
			sctx, rctx := t.Context(), t.Context()
			if side == "sender" {
				sctx = ctx
			} else {
				rctx = ctx
			}
			go func() {
				defer close(done)
				_, sent = Send(sctx, a, Source{Paths: []string{src}}, so)
			}()
			gotRes, got = Receive(rctx, b, ro)
			<-done
			mine, other := sent, got
			if side == "receiver" {
				mine, other = got, sent
			}
			if !errors.Is(mine, context.Canceled) {
				t.Errorf("cancelled side: %v", mine)
			}
			if !errors.Is(other, ErrCanceled) && !errors.Is(other, ErrInterrupted) {
				t.Errorf("other side: %v", other)
			}
			_ = gotRes
			if s, _ := resume(t, dst, src); s.ResumedBytes < 3*chunkSize {
				t.Errorf("resumed %d bytes", s.ResumedBytes)
			}
		})
	}
}

// A peer that neither reads nor writes does not block a side that is canceled.
func TestCancelStuck(t *testing.T) {
	t.Parallel()
	src := write(t, filepath.Join(t.TempDir(), "a"), noise(1, 100))
	a, _ := newPipe()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := Send(ctx, a, Source{Paths: []string{src}}, SendOptions{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Send: %v", err)
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("returned after %v", d)
	}
}

// lastWord holds back the sender's BYE, and closes held when it would have been sent.
type lastWord struct {
	*end
	held chan struct{}
}

func (l *lastWord) Write(p []byte) (int, error) {
	if n := len(p); n >= frameHeader && p[n-frameHeader] == typeBye {
		close(l.held)
		return n, nil
	}
	return l.end.Write(p)
}

// A receiver that is canceled after it has everything, and has sent the summary, does not
// fail. Both sides report the same.
func TestCancelledWhenAllIsThere(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{nil, errors.New("what a command ends with")} {
		cancelledWhenAllIsThere(t, cause)
	}
}

func cancelledWhenAllIsThere(t *testing.T, cause error) {
	t.Helper()
	a, b := newPipe()
	word := &lastWord{a, make(chan struct{})}
	ctx, cancel := context.WithCancelCause(t.Context())
	sent, got := new(outcome), new(outcome)
	var wg sync.WaitGroup
	src := write(t, filepath.Join(t.TempDir(), "a"), noise(1, 1000))
	wg.Go(func() {
		sent.Result, sent.err = Send(t.Context(), heldOpen{word}, Source{Paths: []string{src}}, SendOptions{})
	})
	wg.Go(func() { got.Result, got.err = Receive(ctx, b, ReceiveOptions{Dir: t.TempDir(), Peer: "peer"}) })
	<-word.held
	cancel(cause)
	wg.Wait()
	if sent.err != nil || got.err != nil || sent.Files != 1 || got.Files != 1 {
		t.Errorf("Send: %v, %d files; Receive: %v, %d files", sent.err, sent.Files, got.err, got.Files)
	}
}

// heldOpen is a stream whose Close the other side does not notice.
type heldOpen struct{ *lastWord }

func (heldOpen) Close() error { return nil }

// Whatever cancels the receiver's context, the sender learns that it is canceled, and can resume later.
func TestCancelledWithACause(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	src := write(t, filepath.Join(t.TempDir(), "a"), noise(1, 40*chunkSize))
	a, b := newPipe()
	var sent, got error
	var wg sync.WaitGroup
	wg.Go(func() {
		_, sent = Send(t.Context(), &during{a, 8 * chunkSize, func() { cancel(errors.New("a secret of the command")) }}, Source{Paths: []string{src}}, SendOptions{})
	})
	wg.Go(func() { _, got = Receive(ctx, b, ReceiveOptions{Dir: t.TempDir(), Peer: "peer"}) })
	wg.Wait()
	var s, r *Error
	if !errors.As(sent, &s) || s.Kind != ErrCanceled || !s.Resumable || s.Reason != "cancelled" {
		t.Errorf("Send: %v", sent)
	}
	if !errors.As(got, &r) || r.Reason != "cancelled" || !r.Resumable {
		t.Errorf("Receive: %v", got)
	}
}
