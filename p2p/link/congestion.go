package link

import "time"

const (
	initialWindow = 32       // packets: more than RFC 9002 has, but paced
	initialBytes  = 48 << 10 // of them at most
	minWindow     = 4        // packets
	maxWindow     = 1 << 25  // bytes: as much as a link may have in its streams' buffers
)

// A congestion controller tells how much of a path may be in flight and how
// fast it is to be sent. There is one for each path; it is told of packets in
// the order of events.
type congestion interface {
	// sent tells that a packet goes out while inFlight bytes, without it, are
	// on their way. The controller may note in p.flight what it wants to know
	// once the packet's fate is.
	sent(now time.Time, p *sentPacket, inFlight int)
	// idle tells that there is nothing to send although more might be, with
	// inFlight bytes on their way.
	idle(inFlight int)
	// acked tells that a packet has arrived, with inFlight bytes still on their
	// way.
	acked(now time.Time, p *sentPacket, inFlight int, r *rtt)
	// lost tells that a packet was lost.
	lost(now time.Time, p *sentPacket)
	// regained tells that a packet of which it was told that it was lost has
	// arrived.
	regained(now time.Time, p *sentPacket)
	// stalled tells that all that was sent over a long time is lost
	// (persistent congestion, RFC 9002, section 7.6).
	stalled()
	// dropped reports, once, that the path delivers far less than before: much of what
	// was sent lately is lost.
	dropped() bool
	// setPacket tells how many bytes a full packet has from now on.
	setPacket(bytes int)
	// window returns how many bytes may be in flight.
	window() int
	// buffer returns how many bytes are worth having ready to send.
	buffer() int
	// lostByChance returns the share of the packets that is lost whatever is sent.
	lostByChance() float64
	// rate returns the pace in bytes per second; 0 is without one.
	rate(r *rtt) float64
}
