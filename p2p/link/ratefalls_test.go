package link

import (
	"encoding/binary"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"p2ptool/p2p/link/stream"
)

// A fallingRate is a path whose rate falls and returns while a file crosses it, with
// chat lines beside the file.
type fallingRate struct {
	high, low float64       // rates in Mbit/s
	trip      time.Duration // round trip of the empty path
	queue     time.Duration // that fits before a packet at the high rate
	shrinks   bool          // at the low rate the queue holds less, else as many bytes
	loss      float64
	jitter    time.Duration
	tick      time.Duration // packets arrive in bursts, at multiples of this
	lasts     time.Duration // how long the rate stays low
}

func (f fallingRate) String() string {
	s := fmt.Sprintf("%v to %v Mbit for %v, %v, queue %v", f.high, f.low, f.lasts, f.trip, f.queue)
	if f.shrinks {
		s += " shrinking"
	}
	if f.loss > 0 {
		s += fmt.Sprintf(", loss %v", f.loss)
	}
	if f.jitter > 0 {
		s += fmt.Sprintf(", jitter %v", f.jitter)
	}
	if f.tick > 0 {
		s += fmt.Sprintf(", bursts %v", f.tick)
	}
	return s
}

// queueAt returns how long a full queue takes at a rate.
func (f fallingRate) queueAt(mbit float64) time.Duration {
	if f.shrinks {
		return f.queue
	}
	return time.Duration(float64(f.queue) * f.high / mbit)
}

func (f fallingRate) setRate(w *testNetwork, mbit float64) {
	// Of a queue that shrinks, what waits still leaves at the old rate.
	w.setRate(mbit*1e6/8, f.queueAt(mbit), !f.shrinks)
}

const (
	fallSettle = 4 * time.Second // at the high rate, before it falls
	fallAfter  = 7 * time.Second // after it has returned
)

// A rateFallResult is what a fallingRate did to the traffic.
type rateFallResult struct {
	gap  time.Duration // longest without a byte of the file, from the fall until 5 s after the return
	line time.Duration // one way of the slowest chat line meanwhile, without the path's delay and its queue
	back time.Duration // from the return until four fifths of what was carried before are; less than 0: never
	used float64       // share of the low rate, after two seconds of it
}

// A readLog is when how much of a stream was read.
type readLog []struct {
	at    time.Time
	bytes int
}

// between returns the bytes that were read from one time to another.
func (y readLog) between(from, to time.Time) (n float64) {
	for _, r := range y {
		if r.at.After(from) && !r.at.After(to) {
			n += float64(r.bytes)
		}
	}
	return n
}

// gap returns the longest time without a read.
func (y readLog) gap(from, to time.Time) (longest time.Duration) {
	for _, r := range y {
		if r.at.After(from) && r.at.Before(to) {
			longest, from = max(longest, r.at.Sub(from)), r.at
		}
	}
	return max(longest, to.Sub(from))
}

// back returns how long after a time the reads of a second reach n bytes, that second
// not counted; less than 0: never.
func (y readLog) back(from time.Time, n float64) time.Duration {
	for d := time.Duration(0); d <= fallAfter-time.Second; d += 50 * time.Millisecond {
		if at := from.Add(d); y.between(at, at.Add(time.Second)) >= n {
			return d
		}
	}
	return -1
}

// ride has the rate fall and return.
func (f fallingRate) ride(t *testing.T) (out rateFallResult) {
	w := newTestNetwork(t, func(w *testNetwork) {
		w.rate, w.queue, w.delay = f.high*1e6/8, f.queue, f.trip/2
		w.loss, w.jitter, w.tick = f.loss, f.jitter, f.tick
	})
	time.Sleep(calm)
	reads := f.file(t, w)
	lines := f.chat(t, w)
	time.Sleep(fallSettle)
	fell := time.Now()
	f.setRate(w, f.low)
	time.Sleep(f.lasts)
	returned := time.Now()
	f.setRate(w, f.high)
	time.Sleep(fallAfter)
	w.close()
	time.Sleep(2 * time.Minute)

	before := reads.between(fell.Add(-2*time.Second), fell) / 2
	out.gap = reads.gap(fell, returned.Add(5*time.Second))
	out.back = reads.back(returned, .8*before)
	if settled := f.lasts - 2*time.Second; settled > 0 {
		out.used = reads.between(fell.Add(2*time.Second), returned) * 8 / 1e6 / f.low / settled.Seconds()
	}
	own := f.trip/2 + f.jitter + f.tick + f.queueAt(f.low)
	for sent, took := range *lines {
		if sent.After(fell) && sent.Before(returned.Add(3*time.Second)) {
			out.line = max(out.line, took-own)
		}
	}
	return out
}

// file sends an endless file in the background, and returns when it was read.
func (f fallingRate) file(t *testing.T, w *testNetwork) *readLog {
	s, err := w.a.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	s.SetPriority(1)
	go func() {
		data := bulk(stream.MaxCopy)
		for {
			if _, err := s.Write(data); err != nil {
				return
			}
		}
	}()
	in, err := w.b.AcceptStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	reads := new(readLog)
	go func() {
		b := make([]byte, stream.MaxCopy)
		for {
			n, err := in.Read(b)
			if err != nil {
				return
			}
			*reads = append(*reads, struct {
				at    time.Time
				bytes int
			}{time.Now(), n})
		}
	}()
	return reads
}

// chat sends a line ten times a second, and returns how long each took, by when it
// was sent. A line that never arrives takes a minute.
func (f fallingRate) chat(t *testing.T, w *testNetwork) *map[time.Time]time.Duration {
	s, err := w.a.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	took := &map[time.Time]time.Duration{}
	first := time.Now()
	go func() {
		for {
			line := binary.BigEndian.AppendUint64(nil, uint64(time.Since(first)))
			w.set(func() { (*took)[time.Now()] = time.Minute })
			if _, err := s.Write(line); err != nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	}()
	in, err := w.b.AcceptStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		line := make([]byte, 8)
		for {
			if _, err := io.ReadFull(in, line); err != nil {
				return
			}
			sent := first.Add(time.Duration(binary.BigEndian.Uint64(line)))
			w.set(func() { (*took)[sent] = time.Since(sent) })
		}
	}()
	return took
}

// check demands what holds for every path.
func (f fallingRate) check(t *testing.T) {
	r := f.ride(t)
	t.Logf("%v: longest gap %v, slowest line %v above the queue, %v until the rate is back, %.2f of the low rate used",
		f, r.gap.Round(time.Millisecond), r.line.Round(time.Millisecond), r.back, r.used)
	if r.gap > 2*time.Second {
		t.Errorf("nothing was delivered for %v", r.gap)
	}
	if r.line > time.Second {
		t.Errorf("a chat line took %v more than the path and its queue", r.line)
	}
	if r.back < 0 || r.back > 5*time.Second {
		t.Errorf("the rate was back after %v", r.back)
	}
}

// rateFalls are the paths of the test, and with all those of the benchmark.
func rateFalls(all bool) (falls []fallingRate) {
	const ms = time.Millisecond
	falls = []fallingRate{
		{high: 100, low: 1, trip: 50 * ms, queue: 100 * ms, lasts: 10 * time.Second},
		{high: 100, low: 1, trip: 50 * ms, queue: 100 * ms, lasts: 10 * time.Second, shrinks: true},
		{high: 100, low: 10, trip: 50 * ms, queue: 50 * ms, lasts: 5 * time.Second, shrinks: true, loss: .01},
		{high: 100, low: 10, trip: 200 * ms, queue: 200 * ms, lasts: 5 * time.Second},
		{high: 20, low: .5, trip: 50 * ms, queue: 100 * ms, lasts: 10 * time.Second},
		{high: 20, low: .5, trip: 20 * ms, queue: 100 * ms, lasts: 10 * time.Second, shrinks: true, jitter: 5 * ms},
		{high: 20, low: .5, trip: 200 * ms, queue: 50 * ms, lasts: 10 * time.Second, shrinks: true},
		{high: 20, low: .5, trip: 50 * ms, queue: 500 * ms, lasts: time.Minute, loss: .01},
		{high: 20, low: .5, trip: 50 * ms, queue: 100 * ms, lasts: 2 * time.Second, shrinks: true, tick: 20 * ms},
	}
	if !all {
		return falls
	}
	falls = nil
	for _, rates := range [][2]float64{{100, 1}, {100, 10}, {20, .5}} {
		for _, trip := range []time.Duration{20 * ms, 50 * ms, 200 * ms} {
			for _, queue := range []time.Duration{20 * ms, 100 * ms, 500 * ms} {
				for _, shrinks := range []bool{false, true} {
					f := fallingRate{high: rates[0], low: rates[1], trip: trip, queue: queue, shrinks: shrinks, lasts: 10 * time.Second}
					falls = append(falls, f)
				}
			}
		}
	}
	for i, f := range falls[:len(falls):len(falls)] {
		switch i % 4 {
		case 0:
			f.loss = .01
		case 1:
			f.jitter = 5 * ms
		case 2:
			f.tick, f.lasts = 20*ms, 2*time.Second
		case 3:
			f.loss, f.jitter, f.lasts = .01, 10*ms, time.Minute
		}
		falls = append(falls, f)
	}
	for _, trip := range []time.Duration{20 * ms, 50 * ms} {
		falls = append(falls, fallingRate{high: 1000, low: 10, trip: trip, queue: 50 * ms, lasts: 5 * time.Second})
		falls = append(falls, fallingRate{high: 1000, low: 10, trip: trip, queue: 50 * ms, lasts: 5 * time.Second, shrinks: true})
	}
	return falls
}

// When a path's rate falls to a tenth or a hundredth, data and chat lines go on, and
// when it returns, so does the rate of the transfer.
func TestRateFalls(t *testing.T) {
	t.Parallel()
	skipIfSlow(t)
	for _, f := range rateFalls(false) {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, f.check)
		})
	}
}

// BenchmarkRateFalls reports the same for many more paths. Where packets are lost at random,
// a gap may take as long as the queue: what was lost has to queue once more.
//
//	go test -run '^$' -bench RateFalls -benchtime 1x ./p2p/link
func BenchmarkRateFalls(b *testing.B) {
	for _, f := range rateFalls(true) {
		b.Run(f.String(), func(b *testing.B) {
			var worst rateFallResult
			for range b.N {
				inBubble(b, func(t *testing.T) {
					r := f.ride(t)
					worst.gap, worst.line, worst.back = max(worst.gap, r.gap), max(worst.line, r.line), max(worst.back, r.back)
					if r.back < 0 {
						worst.back = time.Hour
					}
				})
			}
			b.ReportMetric(worst.gap.Seconds(), "s-gap")
			b.ReportMetric(worst.line.Seconds(), "s-line")
			b.ReportMetric(worst.back.Seconds(), "s-back")
			b.ReportMetric(0, "ns/op")
		})
	}
}
