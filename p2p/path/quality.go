package path

import (
	"net/netip"
	"time"
)

// nearEnough is by how much the round trip of a path of a better class may be
// longer, and by how much that of a path of the same class must be shorter,
// for the path to be preferred.
const nearEnough = 5 * time.Millisecond

// A Quality is what is known of a valid path.
type Quality struct {
	Kind Kind
	Addr netip.Addr
	RTT  time.Duration
}

// class ranks paths before their round trips do; smaller is better.
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
// direct path beats a relayed one at any round trip. Else the better class
// wins unless its round trip is longer by 5 ms, and a path of the same or a
// lesser class wins only if its round trip is shorter by as much: a link does
// not swing between paths that are alike.
func (q Quality) Better(now Quality) bool {
	if q.direct() != now.direct() {
		return q.direct()
	}
	if q.class() < now.class() {
		return q.RTT <= now.RTT+nearEnough
	}
	return q.RTT+nearEnough < now.RTT
}
