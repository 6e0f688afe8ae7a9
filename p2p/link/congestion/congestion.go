// Package congestion decides how many bytes of a path may be in flight and how fast they are
// sent: a congestion controller of the BBR family, which distinguishes random loss from
// congestion, and a pacer.
//
// A controller knows one path by what happens to its packets. It sends nothing, keeps no
// timers, and does not know of streams, frames or other paths. All of its state is of a fixed
// size. It is not safe for concurrent use: the link's loop calls it.
//
// It trusts the peer's acknowledgements. A peer that acknowledges early gets data faster than
// the path carries, which costs mostly the peer; the window is bounded at 32 MiB. Those that
// acknowledge what was never sent are rejected before they get here.
package congestion

import (
	"time"

	"p2ptool/p2p/rtt"
)

const (
	initialWindow = 32       // packets: more than RFC 9002 has, but paced
	initialBytes  = 48 << 10 // of them at most
	fullPacket    = 1200     // bytes of a packet that nearly every path carries
	minWindow     = 4        // packets
	maxWindow     = 1 << 25  // bytes: as much as a link may have in its streams' buffers
)

// Sent is what a controller has to know of a packet in flight.
type Sent struct {
	Time   time.Time
	Size   int32 // bytes of the datagram
	Flight Flight
}

// A Controller decides how much of a path may be in flight and how fast it is sent. Its methods are
// called in the order of events. inFlight is in bytes, without the packet in question.
type Controller interface {
	// Sent is called before a packet is sent. The controller notes in p.Flight what it needs
	// when the packet arrives or is lost.
	Sent(now time.Time, p *Sent, inFlight int)
	// Idle is called when the window and the pace would allow more than there is to send.
	Idle(inFlight int)
	// Acked is called when a packet was acknowledged.
	Acked(now time.Time, p *Sent, inFlight int, r *rtt.Estimator)
	// Lost is called when a packet was declared lost.
	Lost(now time.Time, p *Sent)
	// SpuriousLoss is called when a packet that was declared lost has arrived.
	SpuriousLoss(now time.Time, p *Sent)
	// PersistentCongestion is called when everything sent over several probe timeouts was lost
	// (RFC 9002, section 7.6).
	PersistentCongestion()
	// RateFell reports, once after each fall, that the path delivers far less than before: much
	// of what was sent lately is lost.
	RateFell() bool
	// SetPacket sets how many bytes a full packet has from now on.
	SetPacket(bytes int)
	// Window returns how many bytes may be in flight.
	Window() int
	// Buffer returns how many bytes are worth having ready to send.
	Buffer() int
	// State returns the name of the phase that the controller is in.
	State() string
	// RandomLoss returns the share of packets that is lost at whatever rate they are sent.
	RandomLoss() float64
	// Rate returns the pacing rate in bytes per second; 0: do not pace.
	Rate(r *rtt.Estimator) float64
}
