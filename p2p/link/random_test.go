package link

import (
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"
)

// Streams are used in any way, over a bad path, and compared with what should
// come of it: all that is written is read, in order, up to the end or to a reset.
func TestRandomUse(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		run(t, func(w *testNetwork) {
			w.rnd = rand.New(rand.NewPCG(seed, 1))
			w.loss, w.duplicate, w.jitter = 0.05, 0.02, 20*time.Millisecond
		}, func(t *testing.T, w *testNetwork) {
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
