package link

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"p2ptool/p2p/link/stream"
)

// bulk returns n bytes that look random and are always the same.
func bulk(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// transfer sends data from one link to the other on a new stream, checks that
// it arrives, and returns how long it took.
func transfer(t *testing.T, from, to *Link, data []byte) time.Duration {
	t.Helper()
	start := time.Now()
	s, err := from.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	sent := make(chan error, 1)
	go func() {
		_, err := s.Write(data)
		s.CloseWrite()
		sent <- err
	}()
	r, err := to.AcceptStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil || n != int64(len(data)) {
		t.Fatalf("received %d of %d bytes: %v", n, len(data), err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if want := sha256.Sum256(data); !bytes.Equal(h.Sum(nil), want[:]) {
		t.Fatal("what arrived is not what was sent")
	}
	r.Close()
	s.Close()
	return time.Since(start)
}

// skipIfSlow skips a test of many bytes where each costs a lot. What it
// measures is in virtual time, and would be the same.
func skipIfSlow(t *testing.T) {
	if raceEnabled {
		t.Skip("not under the race detector")
	}
}

func (t *streams) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.live)
}

// losses returns how many packets were declared lost, 0 once the link has ended.
func (l *Link) losses() uint64 {
	n := make(chan uint64, 1)
	if !l.do(func() { n <- l.loss.lost }) {
		return 0
	}
	return <-n
}

// sentPackets returns how many packets wanted an acknowledgement on the path in use.
func (l *Link) sentPackets() uint64 {
	n := make(chan uint64, 1)
	if !l.do(func() { n <- l.best().loss.Carried() }) {
		return 0
	}
	return <-n
}

// arrived returns up to where data can be read.
func (s *Stream) arrived() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.in.Available()
}

func TestTransferUnderFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		size   int
		within time.Duration
		change func(*testNetwork)
	}{
		{"clean", 2 << 20, time.Second, nil},
		{"loss 1%", 1 << 20, 10 * time.Second, func(w *testNetwork) { w.loss = 0.01 }},
		{"loss 5%", 1 << 20, 20 * time.Second, func(w *testNetwork) { w.loss = 0.05 }},
		{"loss 20%", 300_000, 20 * time.Second, func(w *testNetwork) { w.loss = 0.20 }},
		{"loss 50%", 100_000, 2 * time.Minute, func(w *testNetwork) { w.loss = 0.50 }},
		{"reordering", 1 << 20, 1500 * time.Millisecond, func(w *testNetwork) { w.jitter = 10 * time.Millisecond }},
		{"duplicates", 1 << 20, time.Second, func(w *testNetwork) { w.duplicate = 0.3 }},
		{"10 Mbit/s, queue of 50 ms", 2 << 20, 3 * time.Second, func(w *testNetwork) { w.rate, w.queue = 1.25e6, 50*time.Millisecond }},
		{"all at once", 300_000, 10 * time.Second, func(w *testNetwork) {
			w.rate, w.queue, w.loss, w.duplicate, w.jitter = 1.25e6, 50*time.Millisecond, 0.05, 0.05, 5*time.Millisecond
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, c.change, func(t *testing.T, w *testNetwork) {
				took := transfer(t, w.a, w.b, bulk(c.size))
				back := transfer(t, w.b, w.a, bulk(c.size/10))
				if took > c.within || back > c.within/2 {
					t.Errorf("it took %v, and %v back", took, back)
				}
				t.Logf("%d bytes in %v, %d back in %v, %d packets lost", c.size, took, c.size/10, back, w.a.losses())
			})
		})
	}
}

func TestCleanPathIsFilled(t *testing.T) {
	t.Parallel()
	skipIfSlow(t)
	run(t, func(w *testNetwork) { w.rate, w.queue = 1.25e7, 100*time.Millisecond }, func(t *testing.T, w *testNetwork) {
		const size = 8 << 20
		took := transfer(t, w.a, w.b, bulk(size))
		if share := size / took.Seconds() / 1.25e7; share < 0.6 {
			t.Errorf("carried %.2f of the path's rate", share)
		}
	})
}

// The window keeps up with slow start on a long path, and does not hold it
// back there.
func TestLongPathIsFilled(t *testing.T) {
	t.Parallel()
	skipIfSlow(t)
	run(t, func(w *testNetwork) { w.delay, w.rate, w.queue = 100*time.Millisecond, 1.25e7, 200*time.Millisecond }, func(t *testing.T, w *testNetwork) {
		const size = 8 << 20
		took := transfer(t, w.a, w.b, bulk(size))
		// 0.7 s for the bytes alone, nine round trips for slow start.
		if took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestStreamsBothWaysAtOnce(t *testing.T) {
	t.Parallel()
	run(t, func(w *testNetwork) { w.loss = 0.02 }, func(t *testing.T, w *testNetwork) {
		done := make(chan bool)
		for range 20 {
			go func() {
				s, err := w.a.OpenStream()
				if err != nil {
					t.Error(err)
				}
				s.Write(bulk(30_000))
				s.CloseWrite()
				got, err := io.ReadAll(s)
				if err != nil || !bytes.Equal(got, bulk(30_000)) {
					t.Errorf("echo of %d bytes: %v", len(got), err)
				}
				s.Close()
				done <- true
			}()
		}
		for range 20 {
			s, err := w.b.AcceptStream(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				io.Copy(s, s)
				s.Close()
			}()
		}
		for range 20 {
			<-done
		}
		time.Sleep(5 * time.Second)
		if a, b := w.a.streams.count(), w.b.streams.count(); a+b != 0 {
			t.Errorf("%d and %d streams are still there", a, b)
		}
	})
}

// 128 streams, all at once, many times.
func TestManyStreams(t *testing.T) {
	t.Parallel()
	run(t, func(w *testNetwork) { w.loss, w.jitter = 0.03, 3*time.Millisecond }, func(t *testing.T, w *testNetwork) {
		go func() {
			for {
				s, err := w.b.AcceptStream(t.Context())
				if err != nil {
					return
				}
				go func() {
					io.Copy(s, s)
					s.Close()
				}()
			}
		}()
		for range 3 {
			var open []*Stream
			for range maxOpen {
				s, err := w.a.OpenStream()
				if err != nil {
					t.Fatal(err)
				}
				open = append(open, s)
			}
			if _, err := w.a.OpenStream(); !errors.Is(err, ErrTooManyStreams) {
				t.Errorf("stream %d: %v", maxOpen+1, err)
			}
			for i, s := range open {
				s.Write(bytes.Repeat([]byte{byte(i)}, 100*i))
				s.CloseWrite()
			}
			for i, s := range open {
				got, err := io.ReadAll(s)
				if err != nil || !bytes.Equal(got, bytes.Repeat([]byte{byte(i)}, 100*i)) {
					t.Errorf("stream %d: %d bytes, %v", i, len(got), err)
				}
				s.Close()
			}
			time.Sleep(3 * time.Second)
			if a, b := w.a.streams.count(), w.b.streams.count(); a+b > 0 {
				t.Errorf("%d and %d streams are left", a, b)
			}
		}
	})
}

func TestReaderHoldsWriterBack(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *testNetwork) {
		s, _ := w.a.OpenStream()
		written := make(chan int, 1)
		go func() {
			n, _ := s.Write(bulk(64 << 20))
			written <- n
		}()
		time.Sleep(time.Minute)
		select {
		case <-written:
			t.Error("64 MiB were written though nobody reads")
		default:
		}
		r, err := w.b.AcceptStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r.mu.Lock()
		n := r.in.Held()
		r.mu.Unlock()
		if n > stream.FirstWindow {
			t.Errorf("%d bytes are held for a stream that nobody reads", n)
		}
		r.Close() // and now it is not wanted
		var reset ResetError
		if n := <-written; n > 2<<20 {
			t.Errorf("%d bytes were written", n)
		}
		if _, err := s.Write([]byte{1}); !errors.As(err, &reset) {
			t.Errorf("writing what is not wanted: %v", err)
		}
	})
}

func TestResetReachesTheReader(t *testing.T) {
	t.Parallel()
	run(t, func(w *testNetwork) { w.loss = 0.2 }, func(t *testing.T, w *testNetwork) {
		s, _ := w.a.OpenStream()
		s.Write(bulk(1000))
		r, err := w.b.AcceptStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.Reset(99)
		_, err = io.Copy(io.Discard, r)
		if want := (ResetError{99}); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	})
}
