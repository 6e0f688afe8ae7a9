package congestion

import (
	"testing"
	"time"

	"p2ptool/p2p/rtt"
)

// began returns a controller that has sent a packet of the given size on a path
// of 200 ms, and heard that it arrived.
func ackedOnce(size int) (*bbr, *rtt.Estimator, time.Time) {
	now := time.Now()
	r := new(rtt.Estimator)
	r.Sample(200*time.Millisecond, 0)
	b := newBBR(now, 1452)
	p := &Sent{Size: int32(size), Time: now}
	b.Sent(now, p, 0)
	now = now.Add(200 * time.Millisecond)
	r.Sample(200*time.Millisecond, 0)
	b.Acked(now, p, 0, r)
	return b, r, now
}

// A single small packet does not measure a path's rate.
func TestSmallPacketSaysNothingOfThePace(t *testing.T) {
	b, r, _ := ackedOnce(100)
	if got, want := b.Rate(r), b.initialRate(r); got != want {
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
	b, r, now := ackedOnce(100)
	var sent []*Sent
	at := now
	for _, c := range steps {
		for range c.packets {
			p := &Sent{Size: 1452, Time: at}
			b.Sent(at, p, len(sent)*1452)
			sent = append(sent, p)
			at = at.Add(c.sending / time.Duration(c.packets))
		}
	}
	at = now.Add(200 * ms)
	for i, c := range steps {
		for range c.packets {
			b.Acked(at, sent[0], len(sent)*1452, r)
			sent = sent[1:]
			at = at.Add(c.arriving / time.Duration(c.packets))
		}
		if ended := b.phase != phaseStartup; b.held() != c.holds || ended != c.ends || !ended && (b.gain() == 1) != c.holds {
			t.Errorf("step %d: holds %v, ended %v, gain %v", i, b.held(), ended, b.gain())
		}
	}
}
