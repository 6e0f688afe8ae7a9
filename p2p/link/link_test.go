package link

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/p2p/punch"
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

func (t *streams) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.live)
}

// arrived returns up to where data can be read.
func (s *Stream) arrived() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.in.available()
}

func TestTransferUnderFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		size   int
		change func(*wire)
	}{
		{"clean", 4 << 20, nil},
		{"loss 1%", 2 << 20, func(w *wire) { w.loss = 0.01 }},
		{"loss 5%", 1 << 20, func(w *wire) { w.loss = 0.05 }},
		{"loss 20%", 300_000, func(w *wire) { w.loss = 0.20 }},
		{"loss 50%", 100_000, func(w *wire) { w.loss = 0.50 }},
		{"reordering", 1 << 20, func(w *wire) { w.jitter = 10 * time.Millisecond }},
		{"duplicates", 1 << 20, func(w *wire) { w.duplicate = 0.3 }},
		{"10 Mbit/s, queue of 50 ms", 2 << 20, func(w *wire) { w.rate, w.queue = 1.25e6, 50*time.Millisecond }},
		{"all at once", 300_000, func(w *wire) {
			w.rate, w.queue, w.loss, w.duplicate, w.jitter = 1.25e6, 50*time.Millisecond, 0.05, 0.05, 5*time.Millisecond
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, c.change, func(t *testing.T, w *wire) {
				took := transfer(t, w.a, w.b, bulk(c.size))
				back := transfer(t, w.b, w.a, bulk(c.size/10))
				t.Logf("%d bytes in %v, %d back in %v, %d packets lost", c.size, took, c.size/10, back, w.a.lostPackets)
			})
		})
	}
}

func TestCleanPathIsFilled(t *testing.T) {
	t.Parallel()
	run(t, func(w *wire) { w.rate, w.queue = 1.25e7, 100*time.Millisecond }, func(t *testing.T, w *wire) {
		const size = 8 << 20
		took := transfer(t, w.a, w.b, bulk(size))
		if share := size / took.Seconds() / 1.25e7; share < 0.6 {
			t.Errorf("carried %.2f of the path's rate", share)
		}
	})
}

func TestStreamsBothWaysAtOnce(t *testing.T) {
	t.Parallel()
	run(t, func(w *wire) { w.loss = 0.02 }, func(t *testing.T, w *wire) {
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

func TestReaderHoldsWriterBack(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *wire) {
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
		n := r.in.ring.size()
		r.mu.Unlock()
		if n > firstWindow {
			t.Errorf("%d bytes are held for a stream that nobody reads", n)
		}
		r.Close() // and now it is not wanted
		var reset ResetError
		if n := <-written; n > 1<<20 {
			t.Errorf("%d bytes were written", n)
		}
		if _, err := s.Write([]byte{1}); !errors.As(err, &reset) {
			t.Errorf("writing what is not wanted: %v", err)
		}
	})
}

func TestResetReachesTheReader(t *testing.T) {
	t.Parallel()
	run(t, func(w *wire) { w.loss = 0.2 }, func(t *testing.T, w *wire) {
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

func TestOutageOfThirtySeconds(t *testing.T) {
	t.Parallel()
	run(t, func(w *wire) { w.rate, w.queue = 1.25e6, 100*time.Millisecond }, func(t *testing.T, w *wire) {
		s, _ := w.a.OpenStream()
		go func() {
			s.Write(bulk(4 << 20))
			s.CloseWrite()
		}()
		r, err := w.b.AcceptStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		io.ReadFull(r, make([]byte, 1<<20))
		w.set(func() { w.cut[1] = true })
		time.AfterFunc(30*time.Second, func() { w.set(func() { w.cut[1] = false }) })
		healed := time.Now().Add(30 * time.Second)
		time.Sleep(29 * time.Second)
		before := r.arrived()
		if w.a.Path().Kind != punch.PathNone {
			t.Errorf("path during the outage: %v", w.a.Path())
		}
		for r.arrived() == before {
			time.Sleep(10 * time.Millisecond)
			if time.Since(healed) > 5*time.Second {
				t.Fatal("nothing moved within 5 s of the outage's end")
			}
		}
		if n, err := io.Copy(io.Discard, r); n != 3<<20 || err != nil {
			t.Errorf("the rest: %d, %v", n, err)
		}
	})
}

func TestRelayToDirectAndBack(t *testing.T) {
	t.Parallel()
	run(t, func(w *wire) { w.cut[1] = true }, func(t *testing.T, w *wire) {
		w.connect(2, 7)
		time.Sleep(300 * time.Millisecond)
		expect := func(kind punch.PathKind, within time.Duration) {
			t.Helper()
			start := time.Now()
			for w.a.Path().Kind != kind || w.b.Path().Kind != kind {
				time.Sleep(10 * time.Millisecond)
				if time.Since(start) > within {
					t.Fatalf("paths are %v and %v, not %v, after %v", w.a.Path(), w.b.Path(), kind, within)
				}
			}
		}
		expect(punch.PathRelay, 0)
		s, _ := w.a.OpenStream()
		stop, stopped := make(chan bool), make(chan bool)
		go func() {
			defer close(stopped)
			for i := byte(0); ; i++ {
				select {
				case <-stop:
					s.CloseWrite()
					return
				case <-time.After(50 * time.Millisecond):
					s.Write([]byte{i})
				}
			}
		}()
		w.set(func() { w.cut[1] = false })
		expect(punch.PathDirect, 2*time.Second)
		w.set(func() { w.cut[2] = true }) // the relay's end is not noticed
		time.Sleep(time.Minute)
		expect(punch.PathDirect, 0)
		w.set(func() { w.cut[2] = false })
		time.Sleep(time.Minute) // the relay has been found again
		w.set(func() { w.cut[1] = true })
		expect(punch.PathRelay, 5*time.Second)
		w.set(func() { w.cut[1] = false })
		expect(punch.PathDirect, 70*time.Second)
		close(stop)
		<-stopped
		r, err := w.b.AcceptStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		for i, b := range got {
			if b != byte(i) {
				t.Fatalf("byte %d is %d", i, b)
			}
		}
		if err != nil || len(got) < 1000 {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	})
}

func TestFollowsAChangedAddress(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *wire) {
		time.Sleep(time.Second)
		w.set(func() { w.cut[1] = true })
		// The other end's packets come from port 5 from now on.
		w.b.AddCandidates(w.route(1, 5, 0).Addr, nil, 0)
		start := time.Now()
		transfer(t, w.b, w.a, bulk(10_000))
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
		for w.a.Path().Addr.Port() != 5 {
			time.Sleep(10 * time.Millisecond)
			if time.Since(start) > 5*time.Second {
				t.Fatalf("path is %v", w.a.Path())
			}
		}
	})
}

func TestIdleLinkStaysAndSilentLinkEnds(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *wire) {
		time.Sleep(10 * time.Minute)
		if w.a.Err() != nil || w.a.Path().Kind != punch.PathDirect {
			t.Errorf("after ten idle minutes: %v, %v", w.a.Err(), w.a.Path())
		}
		w.set(func() {
			if n := w.sent[1]; n > 15*60 {
				t.Errorf("%d datagrams in ten idle minutes", n)
			}
			w.cut[1] = true
		})
		time.Sleep(10 * time.Second)
		if w.a.Err() != nil || w.a.Path().Kind != punch.PathNone {
			t.Errorf("after ten silent seconds: %v, %v", w.a.Err(), w.a.Path())
		}
		time.Sleep(2 * time.Minute)
		if !errors.Is(w.a.Err(), ErrIdle) {
			t.Errorf("after two silent minutes: %v", w.a.Err())
		}
	})
}

func TestCloseTellsCodeAndReason(t *testing.T) {
	t.Parallel()
	for _, loss := range []float64{0, 0.2} {
		run(t, func(w *wire) { w.loss = loss }, func(t *testing.T, w *wire) {
			time.Sleep(2 * time.Second)
			s, err := w.b.OpenStream()
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			w.a.Close(AppCode, "enough")
			if took := time.Since(start); took > time.Second {
				t.Errorf("closing took %v", took)
			}
			_, err = s.Read(make([]byte, 1))
			var e *CloseError
			if !errors.As(err, &e) || !e.Remote || e.Code != AppCode || e.Reason != "enough" {
				t.Errorf("the other side reads %v", err)
			}
			if _, err := w.a.OpenStream(); err == nil {
				t.Error("a stream was opened on a closed link")
			}
		})
	}
}

func TestDatagramsAndPing(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *wire) {
		time.Sleep(time.Second)
		if err := w.a.SendDatagram(bulk(MaxDatagram + 1)); !errors.Is(err, ErrDatagramSize) {
			t.Errorf("too long: %v", err)
		}
		if err := w.a.SendDatagram([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		got, err := w.b.ReceiveDatagram(t.Context())
		if err != nil || string(got) != "hello" {
			t.Errorf("%q, %v", got, err)
		}
		if d, _, err := w.a.Ping(t.Context()); err != nil || d != 50*time.Millisecond {
			t.Errorf("ping: %v, %v", d, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := w.b.ReceiveDatagram(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting for nothing: %v", err)
		}
	})
}

// A peer that names many addresses has few of each host probed, a few times,
// and no more by naming them again.
func TestNamedCandidatesGetFewProbes(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *wire) {
		time.Sleep(time.Second)
		var cs []punch.Candidate
		for i := range punch.MaxCandidates {
			cs = append(cs, punch.Candidate{Kind: punch.Host, Addr: w.route(0, uint16(1000+i), 0).Addr})
			w.set(func() { w.cut[uint16(1000+i)] = true })
		}
		for range 15 {
			w.b.SetCandidates(cs)
			time.Sleep(30 * time.Second)
		}
		w.set(func() {
			ports := 0
			for i := range punch.MaxCandidates {
				if n := w.sent[uint16(1000+i)]; n > 8 {
					t.Errorf("victim %d got %d datagrams", i, n)
				} else if n > 0 {
					ports++
				}
			}
			if ports != probePorts {
				t.Errorf("%d ports were probed", ports)
			}
		})
	})
}

func TestGarbageIsDropped(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *wire) {
		time.Sleep(time.Second)
		for i := range 1000 {
			w.mu.Lock()
			d := bulk(13 + i)
			d[0] = typeData
			w.mu.Unlock()
			w.carry(0, 1, d)
		}
		synctest.Wait()
		transfer(t, w.a, w.b, bulk(1000))
	})
}

// Paths with round trips of up to two seconds become valid.
func TestLongPaths(t *testing.T) {
	for _, delay := range []time.Duration{100 * time.Millisecond, 300 * time.Millisecond, time.Second} {
		run(t, func(w *wire) { w.delay = delay }, func(t *testing.T, w *wire) {
			start := time.Now()
			for w.a.Path().Kind == punch.PathNone || w.b.Path().Kind == punch.PathNone {
				time.Sleep(10 * time.Millisecond)
				if time.Since(start) > 5*delay {
					t.Fatalf("delay %v: no path after %v", delay, time.Since(start))
				}
			}
			transfer(t, w.a, w.b, bulk(10_000))
			w.set(func() {
				if w.sent[1] > 400 {
					t.Errorf("delay %v: %d datagrams for 10 kB", delay, w.sent[1])
				}
			})
		})
	}
}

// What was written just before the link is closed arrives, also over a path
// that loses.
func TestCloseDeliversWhatWasWritten(t *testing.T) {
	t.Parallel()
	for _, loss := range []float64{0, 0.05} {
		run(t, func(w *wire) { w.loss = loss }, func(t *testing.T, w *wire) {
			time.Sleep(2 * time.Second)
			s, err := w.a.OpenStream()
			if err != nil {
				t.Fatal(err)
			}
			s.Write([]byte("goodbye"))
			s.Close()
			w.a.Close(CodeDone, "")
			r, err := w.b.AcceptStream(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); string(got) != "goodbye" || err != nil {
				t.Errorf("at loss %v: %q, %v", loss, got, err)
			}
		})
	}
}

// Nobody waits for what cannot arrive.
func TestCloseWithoutAPathIsQuick(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *wire) {
		time.Sleep(2 * time.Second)
		w.set(func() { w.cut[1] = true })
		s, err := w.a.OpenStream()
		if err != nil {
			t.Fatal(err)
		}
		s.Write(bulk(1000))
		start := time.Now()
		w.a.Close(CodeDone, "")
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("closing took %v", took)
		}
	})
}
