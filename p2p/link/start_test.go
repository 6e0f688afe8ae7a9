package link

import (
	"io"
	"testing"
	"time"
)

// A transfer that begins with an offer and its answer, as small as they are, is soon as fast
// as the path: neither their rate nor the peer's window limits it.
func TestStartAfterSmallMessages(t *testing.T) {
	t.Parallel()
	const roundTrip = 200 * time.Millisecond
	run(t, func(w *testNetwork) { w.rate, w.delay, w.queue = 100e6/8, roundTrip/2, roundTrip }, func(t *testing.T, w *testNetwork) {
		time.Sleep(calm)
		a, err := w.a.OpenStream()
		if err != nil {
			t.Fatal(err)
		}
		const whole = 4 << 20
		over := make(chan time.Time)
		go func() {
			b, err := w.b.AcceptStream(t.Context())
			if err != nil {
				t.Error(err)
			}
			for range 2 {
				io.ReadFull(b, make([]byte, 100))
				b.Write(make([]byte, 50))
			}
			if n, err := io.Copy(io.Discard, b); n != whole || err != nil {
				t.Errorf("%d bytes, %v", n, err)
			}
			over <- time.Now()
			b.Close()
		}()
		for range 2 {
			a.Write(make([]byte, 100))
			io.ReadFull(a, make([]byte, 50))
		}
		begun := time.Now()
		a.Write(bulk(whole))
		a.CloseWrite()
		took := (<-over).Sub(begun)
		t.Logf("%d bytes in %v", whole, took)
		if most := 5 * roundTrip; took > most { // the path alone needs two and a quarter of them
			t.Errorf("took %v, more than %v", took, most)
		}
		a.Close()
	})
}
