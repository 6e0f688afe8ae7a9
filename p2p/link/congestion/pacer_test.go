package congestion

import (
	"math"
	"testing"
	"time"
)

const testPacket = 1200

func TestPacer(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{1e5, 1e6, 1e7, 1e8, 1e9} {
		var p Pacer
		now := time.Unix(1, 0)
		start := now
		sent, most, wakes := 0, 0, 0
		for now.Sub(start) < time.Second {
			p.Fill(now, rate, testPacket)
			burst := 0
			for p.Ready() {
				p.Spend(testPacket)
				burst += testPacket
			}
			sent, most, wakes = sent+burst, max(most, burst), wakes+1
			next := p.next(rate)
			if !next.After(now) {
				t.Fatalf("at %.0f B/s: the next packet is due at once", rate)
			}
			now = next
		}
		if share := float64(sent) / rate; math.Abs(share-1) > 0.15 {
			t.Errorf("at %.0f B/s: %.2f of it was sent", rate, share)
		}
		if limit := max(int(rate*burstTime.Seconds()), burstFloor*testPacket) + testPacket; most > limit {
			t.Errorf("at %.0f B/s: a burst of %d bytes", rate, most)
		}
		if limit := max(2100, int(rate/40_000)); wakes > limit {
			t.Errorf("at %.0f B/s: woken %d times in a second", rate, wakes)
		}
	}
}
