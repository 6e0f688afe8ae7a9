package chat

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A cutter is a stream that fails after a number of bytes were written.
type cutter struct {
	net.Conn
	mu   sync.Mutex
	left int
}

func (c *cutter) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, err := c.Conn.Write(b[:min(len(b), c.left)])
	c.left -= n
	if err == nil && n < len(b) {
		c.Conn.Close()
		err = io.ErrClosedPipe
	}
	return n, err
}

// joinUntil joins a and b with a stream that is cut when either side has written the given number of
// bytes or has nothing more to send.
func joinUntil(a, b *Session, bytesA, bytesB int) (ea, eb error) {
	x, y := net.Pipe()
	ra := serve(context.Background(), a, &cutter{Conn: x, left: bytesA})
	rb := serve(context.Background(), b, &cutter{Conn: y, left: bytesB})
	synctest.Wait()
	x.Close()
	return ra.wait(), rb.wait()
}

// exchange sends n lines and checks them on the other side.
func exchange(t *testing.T, from, to *Session, n int) *sync.WaitGroup {
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range n {
			if _, err := from.Send(t.Context(), fmt.Sprint("line ", i)); err != nil {
				t.Error(err)
			}
		}
		if err := from.WaitDelivered(t.Context()); err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		for i := range n {
			if m, err := to.Receive(t.Context()); err != nil || m.Text != fmt.Sprint("line ", i) {
				t.Errorf("line %d is %q, %v", i, m.Text, err)
				return
			}
		}
	})
	return &wg
}

// However often and wherever the stream is cut, each line is delivered once and in order, and the
// sender gets a receipt.
func TestCutAnywhere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		next := uint64(1)
		a, b := New(Options{Delivered: func(id uint64) {
			if id != next {
				t.Errorf("delivered %d, want %d", id, next)
			}
			next++
		}}), New(Options{})
		forth, back := exchange(t, a, b, 400), exchange(t, b, a, 400)
		seed := rand.New(rand.NewPCG(1, 2))
		cuts := 0
		for ; a.waits() || b.waits() || cuts == 0; cuts++ {
			ea, eb := joinUntil(a, b, seed.IntN(500), seed.IntN(500))
			if ea == nil || eb == nil {
				t.Fatalf("Run = %v and %v after a cut", ea, eb)
			}
			synctest.Wait()
		}
		forth.Wait()
		back.Wait()
		if next != 401 || cuts < 20 {
			t.Errorf("%d of 400 lines delivered, over %d streams", next-1, cuts)
		}
	})
}

// waits reports whether there are lines without a receipt.
func (s *Session) waits() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pending) > 0
}

func TestCutIsNoGoodbye(t *testing.T) {
	t.Parallel()
	a, b := New(Options{}), New(Options{})
	x, y := net.Pipe()
	ra, rb := serve(t.Context(), a, x), serve(t.Context(), b, y)
	send(t, a, "one")
	expect(t, b, "one")
	x.Close()
	if ea, eb := ra.wait(), rb.wait(); ea == nil || eb == nil {
		t.Errorf("Run = %v and %v after a cut", ea, eb)
	}
	send(t, a, "two")
	ra, rb = join(t.Context(), a, b)
	expect(t, b, "two")
	if err := errors.Join(a.Close(t.Context()), ra.wait(), rb.wait()); err != nil {
		t.Error(err)
	}
}

// A restarted side receives the lines that the previous process did not receive.
func TestOtherSideRestarts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := New(Options{}), New(Options{})
		ctx, cut := context.WithCancel(t.Context())
		ra, rb := join(ctx, a, b)
		send(t, a, "one")
		send(t, b, "uno")
		expect(t, b, "one")
		expect(t, a, "uno")
		synctest.Wait()
		cut()
		ra.wait()
		rb.wait()
		send(t, a, "two")

		b = New(Options{})
		send(t, b, "eins")
		ra, rb = join(t.Context(), a, b)
		expect(t, b, "two")
		expect(t, a, "eins") // although it has the id of "uno"
		expectNothing(t, b)
		if err := errors.Join(a.WaitDelivered(t.Context()), b.WaitDelivered(t.Context()),
			a.Close(t.Context()), ra.wait(), rb.wait()); err != nil {
			t.Error(err)
		}
	})
}

// A new stream replaces a dead one that has no error.
func TestNewStreamReplacesADeadOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := New(Options{}), New(Options{})
		ctx, cut := context.WithCancel(t.Context())
		dead, end := net.Pipe()
		ra := serve(ctx, a, deaf{dead})
		rb := serve(ctx, b, deaf{end})
		send(t, a, "x")
		expect(t, b, "x")
		synctest.Wait()

		na, nb := join(t.Context(), a, b)
		for _, r := range []*served{ra, rb} {
			if err := r.wait(); !errors.Is(err, ErrReplaced) {
				t.Errorf("the older Run = %v", err)
			}
		}
		cut()
		send(t, a, "y")
		expect(t, b, "y")
		expectNothing(t, b)
		if err := errors.Join(b.Close(t.Context()), na.wait(), nb.wait()); err != nil {
			t.Error(err)
		}
	})
}

// A deaf stream hides its end from the other side.
type deaf struct{ net.Conn }

func (d deaf) Close() error { return d.SetDeadline(time.Now()) }

// If two streams cross, both sides keep the same one.
func TestCrossingStreams(t *testing.T) {
	t.Parallel()
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			a, b := New(Options{}), New(Options{})
			a1, b1 := join(t.Context(), a, b)
			a2, b2 := join(t.Context(), a, b)
			synctest.Wait()
			send(t, a, "x")
			send(t, b, "y")
			expect(t, b, "x")
			expect(t, a, "y")
			if err := a.Close(t.Context()); err != nil {
				t.Error(err)
			}
			<-b.Done()
			got := fmt.Sprint(a1.wait() == nil, b1.wait() == nil, a2.wait() == nil, b2.wait() == nil)
			if got != "true true false false" && got != "false false true true" {
				t.Errorf("ended without error: a1, b1, a2, b2 = %s", got)
			}
			for _, r := range []*served{a1, b1, a2, b2} {
				if r.err != nil && !errors.Is(r.err, ErrReplaced) {
					t.Errorf("Run = %v", r.err)
				}
			}
		})
	}
}

// A side that leaves while the other changes to another stream says goodbye there, after its receipt.
func TestGoodbyeOnACrossingStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{})
		them := sessionID{1}
		begin := func() (peer net.Conn, in *reader, r *served) {
			ours, peer := net.Pipe()
			r = serve(context.Background(), s, ours)
			in = &reader{r: bufio.NewReader(peer)}
			if kind, _, err := in.next(); kind != typeOpen || err != nil {
				t.Fatal(kind, err)
			}
			return peer, in, r
		}
		says := func(in *reader, want byte) {
			t.Helper()
			if kind, _, err := in.next(); kind != want || err != nil {
				t.Errorf("message of type %d, %v, want %d", kind, err, want)
			}
		}
		first, fromFirst, r1 := begin()
		first.Write(appendLine(open{version: version, session: them}.append(nil), 1, "hello"))
		second, fromSecond, r2 := begin()
		expect(t, s, "hello")
		closed := make(chan error, 1)
		go func() { closed <- s.Close(t.Context()) }()
		synctest.Wait()
		says(fromFirst, typeReceipt)
		says(fromFirst, typeBye)
		first.Close() // without reading the BYE
		r1.wait()
		second.Write(open{version: version, session: them, peer: s.id, attempt: 2}.append(nil))
		says(fromSecond, typeReceipt)
		says(fromSecond, typeBye)
		second.Write(appendBye(nil))
		if err := r2.wait(); err != nil {
			t.Error(err)
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
}

// A peer that restarts again and again neither fills memory nor blocks forever: a session reads lines
// no faster than the application receives them.
func TestFloodOfSessions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{})
		ctx, cancel := context.WithCancel(t.Context())
		for i := range 20 {
			x, y := net.Pipe()
			r := serve(ctx, s, x)
			go io.Copy(io.Discard, y)
			msg := open{version: 1, session: sessionID{byte(i + 1)}, attempt: uint32(i + 1)}.append(nil)
			for id := range uint64(maxLines) {
				msg = appendLine(msg, id+1, "x")
			}
			y.SetWriteDeadline(time.Now().Add(time.Second))
			io.Copy(y, bytes.NewReader(msg))
			y.Close()
			if i == 0 {
				r.wait()
			}
		}
		synctest.Wait()
		s.mu.Lock()
		n := len(s.queue)
		s.mu.Unlock()
		if n != maxLines {
			t.Errorf("%d lines in the queue, want %d", n, maxLines)
		}
		cancel()
		s.Close(t.Context())
	})
}
