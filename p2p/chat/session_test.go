package chat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A served is a Run that runs in the background.
type served struct {
	done chan struct{}
	err  error
}

func serve(ctx context.Context, s *Session, rw io.ReadWriteCloser) *served {
	r := &served{done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.err = s.Run(ctx, rw)
	}()
	return r
}

func (r *served) wait() error {
	<-r.done
	return r.err
}

// join runs a and b on the ends of a pipe.
func join(ctx context.Context, a, b *Session) (ra, rb *served) {
	x, y := net.Pipe()
	return serve(ctx, a, x), serve(ctx, b, y)
}

func send(t *testing.T, s *Session, text string) uint64 {
	t.Helper()
	id, err := s.Send(t.Context(), text)
	if err != nil {
		t.Fatalf("Send(%.20q): %v", text, err)
	}
	return id
}

func expect(t *testing.T, s *Session, want ...string) {
	t.Helper()
	for _, w := range want {
		m, err := s.Receive(t.Context())
		if err != nil || m.Text != w {
			t.Fatalf("Receive = %.20q, %v; want %.20q", m.Text, err, w)
		}
	}
}

// expectNothing needs a synctest bubble.
func expectNothing(t *testing.T, s *Session) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if m, err := s.Receive(ctx); err != context.DeadlineExceeded {
		t.Fatalf("Receive = %.20q, %v; want nothing", m.Text, err)
	}
}

func TestSendAndReceive(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var ids []uint64
	a := New(Options{Delivered: func(id uint64) {
		mu.Lock()
		defer mu.Unlock()
		ids = append(ids, id)
	}})
	b := New(Options{})
	send(t, a, "before there is a stream")
	ra, rb := join(t.Context(), a, b)
	send(t, a, "")
	send(t, a, "kalt ❄\n\x1b[2J")
	expect(t, b, "before there is a stream", "", "kalt ❄\n\x1b[2J")
	send(t, b, "answer")
	expect(t, a, "answer")
	if err := errors.Join(a.WaitDelivered(t.Context()), b.WaitDelivered(t.Context())); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(ra.wait(), rb.wait()); err != nil {
		t.Errorf("Run = %v after a goodbye", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if fmt.Sprint(ids) != "[1 2 3]" {
		t.Errorf("delivered %v", ids)
	}
}

func TestReceiptMeansRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := New(Options{}), New(Options{})
		ra, rb := join(t.Context(), a, b)
		send(t, a, "x")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := a.WaitDelivered(ctx); err != context.DeadlineExceeded {
			t.Errorf("WaitDelivered = %v before Receive", err)
		}
		expect(t, b, "x")
		if err := a.WaitDelivered(t.Context()); err != nil {
			t.Error(err)
		}
		b.Close(t.Context())
		ra.wait()
		rb.wait()
	})
}

func TestGoodbye(t *testing.T) {
	t.Parallel()
	a, b := New(Options{}), New(Options{})
	ra, rb := join(t.Context(), a, b)
	send(t, b, "hello")
	expect(t, a, "hello") // both have the other's OPEN
	send(t, a, "last words")
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(ra.wait(), rb.wait(), a.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	<-a.Done()
	<-b.Done()
	expect(t, b, "last words")
	_, receive := b.Receive(t.Context())
	_, say := b.Send(t.Context(), "too late")
	x, y := net.Pipe()
	defer y.Close()
	for name, err := range map[string]error{"Receive": receive, "Send": say, "Run": b.Run(t.Context(), x)} {
		if !errors.Is(err, ErrPeerLeft) {
			t.Errorf("%s after the other side left = %v", name, err)
		}
	}
	if _, err := a.Send(t.Context(), "x"); !errors.Is(err, ErrClosed) {
		t.Errorf("Send after Close = %v", err)
	}
	if err := a.WaitDelivered(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("WaitDelivered after Close = %v", err)
	}
}

func TestBothSayGoodbye(t *testing.T) {
	t.Parallel()
	a, b := New(Options{}), New(Options{})
	ra, rb := join(t.Context(), a, b)
	send(t, a, "x")
	expect(t, b, "x") // both have the other's OPEN
	errs := make(chan error, 2)
	for _, s := range []*Session{a, b} {
		go func() { errs <- s.Close(t.Context()) }()
	}
	if err := errors.Join(<-errs, <-errs, ra.wait(), rb.wait()); err != nil {
		t.Error(err)
	}
}

func TestCloseGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := New(Options{})
		x, y := net.Pipe() // nobody reads y
		defer y.Close()
		r := serve(t.Context(), a, x)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := a.Close(ctx); err != context.DeadlineExceeded {
			t.Errorf("Close = %v", err)
		}
		if err := r.wait(); !errors.Is(err, ErrClosed) {
			t.Errorf("Run = %v", err)
		}
	})
}

func TestContextEndsRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		a, b := New(Options{}), New(Options{})
		ra, rb := join(ctx, a, b)
		synctest.Wait()
		cancel()
		if ea, eb := ra.wait(), rb.wait(); ea != context.Canceled || eb != context.Canceled {
			t.Errorf("Run = %v and %v", ea, eb)
		}
	})
}

func TestWindow(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"lines": "", "bytes": strings.Repeat("x", MaxText)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { testWindow(t, text) })
		})
	}
}

// testWindow fills the window, and checks that receiving opens it again.
func testWindow(t *testing.T, text string) {
	a, b := New(Options{}), New(Options{})
	ra, rb := join(t.Context(), a, b)
	full := 0
	for ; full <= maxLines; full++ {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, err := a.Send(ctx, text)
		cancel()
		if err == context.DeadlineExceeded {
			break
		}
	}
	if want := min(maxLines, maxBytes/max(1, len(text))); full != want {
		t.Errorf("sent %d lines of %d bytes without a receipt, want %d", full, len(text), want)
	}
	expect(t, b, text)
	send(t, a, text)
	for range full {
		expect(t, b, text)
	}
	if err := errors.Join(a.WaitDelivered(t.Context()), a.Close(t.Context()), ra.wait(), rb.wait()); err != nil {
		t.Error(err)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	a, b := New(Options{}), New(Options{})
	ra, rb := join(t.Context(), a, b)
	long := strings.Repeat("ä", MaxText/2)
	if _, err := a.Send(t.Context(), long+"x"); !errors.Is(err, ErrTooLong) {
		t.Errorf("Send of %d bytes = %v", len(long)+1, err)
	}
	send(t, a, long)
	send(t, a, "na\xefve \xff\xfe!")
	expect(t, b, long, "na\uFFFDve \uFFFD!")
	if err := errors.Join(b.Close(t.Context()), ra.wait(), rb.wait()); err != nil {
		t.Error(err)
	}
}
