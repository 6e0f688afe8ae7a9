package link

import (
	"io"
	"testing"
	"time"
)

// On a path that loses half, what is last does not wait for one round trip after
// the other.
func TestLastBytesUnderLoss(t *testing.T) {
	t.Parallel()
	skipIfSlow(t)
	run(t, func(w *testNetwork) { w.rate, w.queue, w.loss = 100e6/8, 50*time.Millisecond, .5 }, func(t *testing.T, w *testNetwork) {
		time.Sleep(calm)
		a, b := openPair(t, w)
		buf := make([]byte, 64<<10)
		send := func(n int) time.Duration {
			begun := time.Now()
			go a.Write(bulk(n))
			for n > 0 {
				got, err := b.Read(buf[:min(n, len(buf))])
				if err != nil {
					t.Fatal(err)
				}
				n -= got
			}
			return time.Since(begun)
		}
		send(4 << 20) // by which the path is known
		var all time.Duration
		const times = 40
		for range times {
			all += send(64 << 10)
		}
		t.Logf("64 KiB took %v on average", all/times)
		if all/times > 300*time.Millisecond { // 56 packets: one of them takes six attempts
			t.Errorf("64 KiB took %v on average", all/times)
		}
	})
}

// An end that sends little, and slowly, does not send it many times.
func TestRedundancyIsBounded(t *testing.T) {
	t.Parallel()
	skipIfSlow(t)
	run(t, func(w *testNetwork) { w.rate, w.queue, w.loss = 100e6/8, 50*time.Millisecond, .2 }, func(t *testing.T, w *testNetwork) {
		time.Sleep(calm)
		a, b := openPair(t, w)
		go io.Copy(io.Discard, b)
		a.Write(bulk(8 << 20))
		time.Sleep(10 * time.Second)
		const gap, n, size = 10 * time.Millisecond, 500, 20_000 // 16 Mbit/s
		before := w.a.sentPackets()
		for range n {
			a.Write(bulk(size))
			time.Sleep(gap)
		}
		sent, packets := w.a.sentPackets()-before, uint64(n*size/1400)
		t.Logf("%d packets of data took %d", packets, sent)
		if sent > packets*2 { // one and a quarter times as many without
			t.Errorf("%d packets of data took %d", packets, sent)
		}
	})
}

// openPair returns both ends of a stream.
func openPair(t *testing.T, w *testNetwork) (a, b *Stream) {
	t.Helper()
	a, err := w.a.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Write([]byte{0}); err != nil {
		t.Fatal(err)
	}
	if b, err = w.b.AcceptStream(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(b, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return a, b
}
