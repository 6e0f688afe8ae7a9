package link

import (
	"io"
	"testing"
	"time"
)

// A transfer that begins with an offer and its answer, as small as they are, is soon as fast
// as the path: neither their rate nor the other side's window holds it back.
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

// began returns a controller that has sent a packet of the given size on a path
// of 200 ms, and heard that it arrived.
func began(size int) (*bbr, *rtt, time.Time) {
	now := time.Now()
	r := new(rtt)
	r.sample(200*time.Millisecond, 0)
	b := newBBR(now, 1452)
	p := &sentPacket{size: int32(size), time: now}
	b.sent(now, p, 0)
	now = now.Add(200 * time.Millisecond)
	r.sample(200*time.Millisecond, 0)
	b.acked(now, p, 0, r)
	return b, r, now
}

// A small packet alone, whoever sent it and whenever, is no measure of a path.
func TestSmallPacketSaysNothingOfThePace(t *testing.T) {
	b, r, _ := began(100)
	if got, want := b.rate(r), b.initialRate(r); got != want {
		t.Errorf("%.0f bytes a second after a small packet, not %.0f", got, want)
	}
}

// Where trains take longer to arrive than to be sent the start holds its pace, goes on
// when they do not any more, and ends when they do for a round trip.
func TestStartHoldsWhereTheQueueGrows(t *testing.T) {
	const ms = time.Millisecond
	steps := []struct {
		packets           int
		sending, arriving time.Duration
		holds, ends       bool
	}{
		{64, 50 * ms, 50 * ms, false, false},
		{64, 50 * ms, 90 * ms, true, false},
		{64, 50 * ms, 50 * ms, false, false},
		{192, 150 * ms, 270 * ms, true, true},
	}
	b, r, now := began(100)
	var sent []*sentPacket
	at := now
	for _, c := range steps {
		for range c.packets {
			p := &sentPacket{size: 1452, time: at}
			b.sent(at, p, len(sent)*1452)
			sent = append(sent, p)
			at = at.Add(c.sending / time.Duration(c.packets))
		}
	}
	at = now.Add(200 * ms)
	for i, c := range steps {
		for range c.packets {
			b.acked(at, sent[0], len(sent)*1452, r)
			sent = sent[1:]
			at = at.Add(c.arriving / time.Duration(c.packets))
		}
		if ended := b.phase != phaseStart; b.held() != c.holds || ended != c.ends || !ended && (b.gain() == 1) != c.holds {
			t.Errorf("step %d: holds %v, ended %v, gain %v", i, b.held(), ended, b.gain())
		}
	}
}
