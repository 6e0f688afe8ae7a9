package p2p

import (
	"testing"
	"time"
)

func TestSlept(t *testing.T) {
	start := time.Now()
	wall := start.Round(0) // without the monotonic reading, as after sleep
	for _, tt := range []struct {
		before, now time.Time
		want        bool
	}{
		{start, start.Add(lookEvery), false},
		{start, start.Add(lookEvery + minSleep - 1), false},
		{start, start.Add(lookEvery + minSleep), true},
		{wall, wall.Add(8 * time.Hour), true},
		{wall, wall.Add(-8 * time.Hour), false}, // the clock was set back
	} {
		if got := slept(tt.before, tt.now); got != tt.want {
			t.Errorf("%v later: %v", tt.now.Sub(tt.before), got)
		}
	}
}
