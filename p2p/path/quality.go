package path

import (
	"net/netip"
	"time"
)

// nearEnough is how much longer the round-trip time of a path of a better class
// may be, and how much shorter that of a path of the same or a worse class must
// be, for the path to be preferred.
const nearEnough = 5 * time.Millisecond

// A Quality describes how good a valid path is.
type Quality struct {
	Kind Kind
	Addr netip.Addr
	RTT  time.Duration
}

// class ranks paths before their round-trip times; smaller is better.
func (q Quality) class() int {
	switch {
	case q.Kind == LAN:
		return 0
	case q.Kind == Direct && q.Addr.Is6():
		return 1
	case q.Kind == Direct:
		return 2
	}
	return 3 + int(q.Kind)
}

func (q Quality) direct() bool { return q.Kind == LAN || q.Kind == Direct }

// Better reports whether a link that uses the path now should change to q. A
// direct path always beats a relayed one. Otherwise a path of a better class wins
// if its round-trip time is at most 5 ms longer, and a path of the same or a
// worse class wins if it is more than 5 ms shorter. So a link does not switch
// back and forth between similar paths.
func (q Quality) Better(now Quality) bool {
	if q.direct() != now.direct() {
		return q.direct()
	}
	if q.class() < now.class() {
		return q.RTT <= now.RTT+nearEnough
	}
	return q.RTT+nearEnough < now.RTT
}
