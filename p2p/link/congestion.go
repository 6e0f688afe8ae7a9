package link

import "time"

const (
	initialWindow = 10      // packets, RFC 9002, section 7.2
	minWindow     = 2       // packets
	maxWindow     = 1 << 25 // bytes: as much as a link may have in its streams' buffers
)

// A congestion controller tells how much of a path may be in flight and how
// fast it is to be sent. There is one for each path; it is told of packets in
// the order of events.
type congestion interface {
	// acked tells that bytes sent at sent have arrived. limited says that
	// the window or the pace, and not the sender, had held back sending.
	acked(now, sent time.Time, bytes int, limited bool, r *rtt)
	// lost tells that bytes sent at sent were lost.
	lost(now, sent time.Time, bytes int)
	// regained tells that bytes sent at sent, of which it was told that they
	// were lost, have arrived.
	regained(sent time.Time, bytes int)
	// stalled tells that all that was sent over a long time is lost
	// (persistent congestion, RFC 9002, section 7.6).
	stalled()
	// window returns how many bytes may be in flight.
	window() int
	// rate returns the pace in bytes per second; 0 is without one.
	rate(r *rtt) float64
}
