package link

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"p2ptool/p2p/punch"
)

// A line of chat does not wait behind a file: neither in the queue nor, for the
// room to answer, behind what goes the other way.
func TestChatOvertakesAFile(t *testing.T) {
	t.Parallel()
	run(t, func(w *wire) { w.rate, w.queue = 250_000, 100*time.Millisecond }, func(t *testing.T, w *wire) {
		time.Sleep(time.Second)
		for _, l := range []*Link{w.a, w.b} {
			file, err := l.OpenStream()
			if err != nil {
				t.Fatal(err)
			}
			file.SetPriority(1)
			go file.Write(bulk(20 << 20))
		}
		for _, l := range []*Link{w.a, w.b} {
			file, err := l.AcceptStream(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			go io.Copy(io.Discard, file)
		}
		time.Sleep(5 * time.Second)
		chat, err := w.a.OpenStream()
		if err != nil {
			t.Fatal(err)
		}
		chat.Write(make([]byte, 8))
		r, err := w.b.AcceptStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		io.ReadFull(r, make([]byte, 8))
		for range 20 {
			var line [8]byte
			binary.BigEndian.PutUint64(line[:], uint64(time.Now().UnixNano()))
			chat.Write(line[:])
			if _, err := io.ReadFull(r, line[:]); err != nil {
				t.Fatal(err)
			}
			// 25 ms of path, 100 ms of queue, some packets that were sealed.
			took := time.Since(time.Unix(0, int64(binary.BigEndian.Uint64(line[:]))))
			if took > 400*time.Millisecond {
				t.Errorf("a line took %v", took)
			}
			time.Sleep(300 * time.Millisecond)
		}
	})
}

// Data of low priority keeps moving though what goes the other way is of high
// priority and never ends: its windows do not wait behind that.
func TestWindowsGoBeforeData(t *testing.T) {
	t.Parallel()
	run(t, func(w *wire) { w.rate, w.queue = 250_000, 100*time.Millisecond }, func(t *testing.T, w *wire) {
		time.Sleep(time.Second)
		loud, _ := w.b.OpenStream()
		loud.SetPriority(-1)
		go loud.Write(bulk(60 << 20))
		in, err := w.a.AcceptStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		go io.Copy(io.Discard, in)
		time.Sleep(time.Second)
		start := time.Now()
		transfer(t, w.a, w.b, bulk(500_000))
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("500 kB at 250 kB/s took %v", took)
		}
	})
}

// 128 streams, all at once, many times.
func TestManyStreams(t *testing.T) {
	t.Parallel()
	run(t, func(w *wire) { w.loss, w.jitter = 0.03, 3*time.Millisecond }, func(t *testing.T, w *wire) {
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

// The window keeps up with slow start on a long path, and does not hold it
// back there.
func TestLongPathIsFilled(t *testing.T) {
	t.Parallel()
	run(t, func(w *wire) { w.delay, w.rate, w.queue = 100*time.Millisecond, 1.25e7, 200*time.Millisecond }, func(t *testing.T, w *wire) {
		const size = 8 << 20
		took := transfer(t, w.a, w.b, bulk(size))
		// 0.7 s for the bytes alone, nine round trips for slow start.
		if took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

func TestBothEndsCloseAtOnce(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *wire) {
		time.Sleep(time.Second)
		start := time.Now()
		done := make(chan bool)
		for i, l := range []*Link{w.a, w.b} {
			go func() {
				l.Close(AppCode+uint64(i), "done")
				done <- true
			}()
		}
		<-done
		<-done
		if took := time.Since(start); took > 100*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		for i, l := range []*Link{w.a, w.b} {
			var e *CloseError
			if !errors.As(l.Err(), &e) || e.Remote || e.Code != AppCode+uint64(i) {
				t.Errorf("end %d: %v", i, l.Err())
			}
		}
	})
}

// CLOSE is sent again when it, or the answer, is lost.
func TestLostClose(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		from, lost int // whose datagrams after Close are lost, how many
		heard      bool
	}{
		"the first":        {0, 1, true},
		"two":              {0, 2, true},
		"all":              {0, 100, false},
		"the first answer": {1, 1, true},
		"all answers":      {1, 100, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, nil, func(t *testing.T, w *wire) {
				time.Sleep(time.Second)
				left := c.lost
				w.set(func() {
					w.drop = func(from int, _ []byte) bool {
						left--
						return from == c.from && left >= 0
					}
				})
				start := time.Now()
				w.a.Close(AppCode, "enough")
				if took := time.Since(start); took > time.Second {
					t.Errorf("closing took %v", took)
				}
				w.set(func() { w.drop = nil })
				time.Sleep(time.Second)
				var e *CloseError
				if heard := errors.As(w.b.Err(), &e); heard != c.heard || heard && e.Code != AppCode {
					t.Errorf("the other end: %v", w.b.Err())
				}
				w.b.Close(CodeDone, "")
			})
		})
	}
}

// What is lost on a path that is then left for another is sent again there.
func TestLossOnAPathThatIsLeft(t *testing.T) {
	t.Parallel()
	run(t, func(w *wire) { w.cut[1] = true }, func(t *testing.T, w *wire) {
		w.connect(2, 7)
		time.Sleep(time.Second)
		if w.a.Path().Kind != punch.PathRelay {
			t.Fatalf("path is %v", w.a.Path())
		}
		s, _ := w.a.OpenStream()
		w.set(func() {
			w.cut[1] = false
			w.drop = func(_ int, d []byte) bool { return d[0] == typeRelay && len(d) > 500 } // a relay that takes no more
		})
		go func() {
			s.Write(bulk(12_000))
			s.CloseWrite()
		}()
		r, err := w.b.AcceptStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if n, err := io.Copy(io.Discard, r); n != 12_000 || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// A stream that ended whole is read to its end though the link has ended too.
func TestReadToTheEndOfAnEndedLink(t *testing.T) {
	t.Parallel()
	run(t, nil, func(t *testing.T, w *wire) {
		s, _ := w.a.OpenStream()
		s.Write([]byte("all of it"))
		s.CloseWrite()
		r, err := w.b.AcceptStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		w.a.Close(CodeDone, "")
		<-w.b.Done()
		if got, err := io.ReadAll(r); string(got) != "all of it" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// Streams are used in any way, over a bad path, and compared with what should
// come of it: all that is written is read, in order, up to the end or to a reset.
func TestRandomUse(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		run(t, func(w *wire) {
			w.rnd = rand.New(rand.NewPCG(seed, 1))
			w.loss, w.duplicate, w.jitter = 0.05, 0.02, 20*time.Millisecond
		}, func(t *testing.T, w *wire) {
			rnd := rand.New(rand.NewPCG(seed, 2))
			done := make(chan bool)
			n := 0
			for range 30 {
				from, to := w.a, w.b
				if rnd.IntN(2) == 0 {
					from, to = to, from
				}
				s, err := from.OpenStream()
				if err != nil {
					t.Fatal(err)
				}
				s.SetPriority(rnd.IntN(3))
				s.Write([]byte{byte(rnd.IntN(3))}) // how it will end
				r, err := to.AcceptStream(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				n += 2
				size, r1, r2 := rnd.IntN(100_000), rand.New(rand.NewPCG(seed, rnd.Uint64())), rand.New(rand.NewPCG(seed, rnd.Uint64()))
				go func() { writeAtRandom(s, size, r1); done <- true }()
				go func() { readAtRandom(t, r, r2); done <- true }()
			}
			for range n {
				<-done
			}
			time.Sleep(10 * time.Second)
			if a, b := w.a.streams.count(), w.b.streams.count(); a+b > 0 {
				t.Errorf("seed %d: %d and %d streams are left", seed, a, b)
			}
		})
	}
}

// writeAtRandom writes up to size bytes that count upwards, and ends somehow.
func writeAtRandom(s *Stream, size int, rnd *rand.Rand) {
	at := 0
	for at < size {
		b := make([]byte, 1+rnd.IntN(min(size-at, 10_000)))
		for i := range b {
			b[i] = byte(at + i)
		}
		if _, err := s.Write(b); err != nil {
			break
		}
		at += len(b)
		time.Sleep(time.Duration(rnd.IntN(20)) * time.Millisecond)
	}
	switch rnd.IntN(3) {
	case 0:
		s.Reset(7)
	case 1:
		s.CloseWrite()
		io.Copy(io.Discard, s)
	}
	s.Close()
}

// readAtRandom checks that bytes count upwards, and may lose interest.
func readAtRandom(t *testing.T, s *Stream, rnd *rand.Rand) {
	defer s.Close()
	io.ReadFull(s, make([]byte, 1))
	limit := rnd.IntN(200_000)
	for at := 0; at < limit; {
		b := make([]byte, 1+rnd.IntN(5000))
		n, err := s.Read(b)
		for i := range n {
			if b[i] != byte(at+i) {
				t.Errorf("byte %d is %d", at+i, b[i])
				return
			}
		}
		at += n
		if err == io.EOF || errors.As(err, new(ResetError)) {
			return
		}
		if err != nil {
			t.Error(err)
			return
		}
	}
}
