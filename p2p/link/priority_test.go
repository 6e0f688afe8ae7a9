package link

import (
	"encoding/binary"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// A line of chat does not wait behind a file: neither in the queue nor, for the
// room to answer, behind what goes the other way.
func TestChatOvertakesAFile(t *testing.T) {
	t.Parallel()
	run(t, func(w *testNetwork) { w.rate, w.queue = 250_000, 100*time.Millisecond }, func(t *testing.T, w *testNetwork) {
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
	run(t, func(w *testNetwork) { w.rate, w.queue = 250_000, 100*time.Millisecond }, func(t *testing.T, w *testNetwork) {
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

// A line's round trip beside a file stays near the path's own although the path
// has a long queue, from the file's first byte on.
func TestChatBesideAFile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		worst := chatBesideAFile(t)
		t.Logf("at most %v more than the path's own", worst)
		if worst > 150*time.Millisecond {
			t.Errorf("a line's round trip is %v longer beside a file", worst)
		}
	})
}

// BenchmarkChatBesideAFile reports the same.
func BenchmarkChatBesideAFile(b *testing.B) {
	var worst time.Duration
	for range b.N {
		inBubble(b, func(t *testing.T) { worst = max(worst, chatBesideAFile(t)) })
	}
	b.ReportMetric(float64(worst.Milliseconds()), "ms-more")
	b.ReportMetric(0, "ns/op")
}

// chatBesideAFile returns by how much the slowest line's round trip was above the
// path's own.
func chatBesideAFile(t *testing.T) (worst time.Duration) {
	const trip = 50 * time.Millisecond
	w := newTestNetwork(t, func(w *testNetwork) { w.rate, w.queue, w.delay = 20e6/8, 200*time.Millisecond, trip/2 })
	time.Sleep(calm)
	chat, err := w.a.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	chat.Write([]byte{0})
	echo, err := w.b.AcceptStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(echo, echo)
	file, err := w.a.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	file.SetPriority(1)
	go file.Write(bulk(20 << 20))
	r, err := w.b.AcceptStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, r)
	line := make([]byte, 1)
	for io.ReadFull(chat, line); r.arrived() < 15<<20; time.Sleep(20 * time.Millisecond) {
		start := time.Now()
		chat.Write(line)
		if _, err := io.ReadFull(chat, line); err != nil {
			t.Fatal(err)
		}
		worst = max(worst, time.Since(start)-trip)
	}
	w.close()
	time.Sleep(time.Minute)
	return worst
}
