package recovery

import (
	"testing"
	"time"

	"p2ptool/p2p/link/spans"
)

func TestAcks(t *testing.T) {
	t.Parallel()
	const delay = 10 * time.Millisecond
	now := time.Unix(1, 0)
	for _, c := range []struct {
		name    string
		packets []uint64
		wait    time.Duration // until the ACK
	}{
		{"one", []uint64{0}, delay},
		{"two", []uint64{0, 1}, 0},
		{"behind a gap", []uint64{0, 1, 3}, 0},
		{"into a gap", []uint64{0, 2, 1}, 0},
	} {
		var a Acks
		for i, n := range c.packets {
			if i == len(c.packets)-1 {
				a.Append(nil, now, 100) // what came before has been told
			}
			if i < len(c.packets)-1 || c.name != "two" {
				a.Received(n, now, true, delay)
				continue
			}
			a.Received(n-1, now, true, delay)
			a.Received(n, now, true, delay)
		}
		if a.Wanted(now.Add(c.wait-1)) || !a.Wanted(now.Add(c.wait)) {
			t.Errorf("%s: due after %v", c.name, a.due.Sub(now))
		}
	}
	var a Acks
	a.Received(7, now, false, delay)
	if b, _ := a.Append(nil, now, 100); a.Wanted(now.Add(time.Hour)) || len(b) != 0 {
		t.Error("what wants no acknowledgement got one")
	}
}

// Ranges that the peer has acknowledged are no longer sent, and their number is bounded
// if it acknowledges none.
func TestAcksForget(t *testing.T) {
	t.Parallel()
	var a Acks
	now := time.Unix(1, 0)
	for n := range uint64(10_000) {
		a.Received(2*n, now, true, 0)
	}
	if len(a.got) != keepRanges {
		t.Errorf("%d ranges are remembered", len(a.got))
	}
	b, told := a.Append(nil, now, 1100)
	if told != 0 || len(b) > 1100 || a.pending > 0 {
		t.Errorf("%d bytes tell all below %d", len(b), told)
	}
	a.Forget(19_980)
	a.Received(19_981, now, true, 0)
	if b, told = a.Append(nil, now, 1100); told != 19_998 || len(b) > 40 {
		t.Errorf("%d bytes tell all below %d, in %v", len(b), told, a.got)
	}
	a.Forget(told)
	if len(a.got) != 1 || a.got[0] != (spans.Span{Start: 19_998, End: 19_999}) {
		t.Errorf("left: %v", a.got)
	}
}
