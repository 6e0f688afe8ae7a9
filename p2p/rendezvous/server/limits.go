package server

import "p2ptool/p2p/limit"

// sourceSlots is the number of slots in a table of sources.
const sourceSlots = 1 << 15

// Limits bound what unauthenticated senders can cost a Server. A zero field means the default in its comment. A
// source is an IPv4 address or an IPv6 /64.
type Limits struct {
	HelloRate           limit.Rate // cookies, by source: 500 a second, 1,000 at once
	InitRate            limit.Rate // handshakes, by source: 50 a second, 500 at once
	UnauthenticatedRate limit.Rate // answers to STUN, to unknown sessions and channels, by source: 50 a second, 200 at once
	Peers               int        // sessions: 2,097,152
	PeersPerSource      int        // sessions by source: 16,384

	Streams          int        // connections: 4,096; a fourth of them may be without a session
	StreamsPerSource int        // connections by source: 256
	StreamRate       limit.Rate // new ones by source: 10 a second, 100 at once
}

func (l Limits) withDefaults() Limits {
	if l.UnauthenticatedRate == (limit.Rate{}) {
		l.UnauthenticatedRate = limit.Rate{PerSecond: 50, Burst: 200}
	}
	if l.Peers == 0 {
		l.Peers = 1 << 21
	}
	if l.PeersPerSource == 0 {
		l.PeersPerSource = 1 << 14
	}
	if l.Streams == 0 {
		l.Streams = 1 << 12
	}
	if l.StreamsPerSource == 0 {
		l.StreamsPerSource = 1 << 8
	}
	if l.StreamRate == (limit.Rate{}) {
		l.StreamRate = limit.Rate{PerSecond: 10, Burst: 100}
	}
	return l
}
