package path

import "time"

// Birthday probing gets through a NAT that maps by endpoint, facing one that filters by port: one
// side opens many sockets toward the other, each of which gets a port of its own, and the other
// probes ports at random. With 256 of 64,512 ports open, 174 probes find one of them with even
// odds, 1,024 in 98 of 100 rounds.
const (
	BirthdaySockets = 256
	BirthdayProbes  = 1024 // of a round
	BirthdayBatch   = 10   // probes sent at once
	BirthdayGap     = 10 * time.Millisecond

	// SprayRound is how long the sockets wait: for the announcement to get there, the
	// probes to be sent, perhaps behind those of another link, and to come back.
	BirthdayRound = 6 * time.Second

	// Where ports are given in sequence, they are known but for what others
	// behind the same NAT begin meanwhile.
	PredictSockets = 16 // that are opened, facing a NAT that maps independently
	CrossPorts     = 16 // that are sent to, facing another such NAT
)

// RoundTTL is the time to live of what a side sends from its many sockets, 0 for
// the usual one. In the first round it is the given one of an opener, for what arrives
// early changes some NATs' mapping. Later it is not: perhaps our own NATs are
// further away than an opener gets.
func RoundTTL(earlier, opener int) int {
	if earlier == 0 {
		return opener
	}
	return 0
}

// OpensMany reports whether a side behind the first NAT is the one to open
// many sockets toward a side behind the other.
func OpensMany(own, other NAT) bool {
	return own.Symmetric() && other.Mapping == EndpointIndependent &&
		(other.Filtering == 0 || other.Filtering == AddressAndPortDependent)
}

// Crosses reports whether both NATs allocate ports in a sequence that can be predicted.
func Crosses(own, other NAT) bool {
	return own.Symmetric() && other.Symmetric() && own.Stride > 0 && other.Stride > 0
}
