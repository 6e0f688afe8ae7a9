package path

import "time"

// Birthday probing finds a direct path between a side behind a symmetric NAT and a side behind a NAT
// that filters by port. The first side opens many sockets toward the other, and its NAT gives each of
// them a different port. The other side probes random ports. If 256 of 64,512 ports are open, 174
// probes hit one of them with a probability of 50%, and 1,024 probes with 98%.
const (
	BirthdaySockets = 256
	BirthdayProbes  = 1024 // in a round
	BirthdayBatch   = 10   // probes sent at once
	BirthdayGap     = 10 * time.Millisecond

	// BirthdayRound is how long the sockets wait. In this time the announcement arrives,
	// the other side sends its probes, perhaps after those of another link, and the probes
	// arrive.
	BirthdayRound = 6 * time.Second

	// If a NAT allocates ports in sequence, they can be predicted, except that other
	// hosts behind the NAT may use some of them.
	PredictSockets = 16 // sockets to open if the other NAT has endpoint-independent mapping
	CrossPorts     = 16 // ports to send to if the other NAT allocates in sequence, too
)

// RoundTTL returns the time to live of the openers that a side sends from its many sockets;
// 0: the system's. earlier is the number of previous rounds. The first round uses the time to
// live of an opener, because packets that reach the other NAT too early make some NATs change
// their mapping. Later rounds use the system's, because this side's own NATs may be further
// away than an opener gets.
func RoundTTL(earlier, opener int) int {
	if earlier == 0 {
		return opener
	}
	return 0
}

// OpensMany reports whether the side behind the NAT own is the one that opens
// many sockets toward the side behind the NAT other.
func OpensMany(own, other NAT) bool {
	return own.Symmetric() && other.Mapping == EndpointIndependent &&
		(other.Filtering == 0 || other.Filtering == AddressAndPortDependent)
}

// Crosses reports whether both NATs allocate ports in a sequence that can be predicted.
func Crosses(own, other NAT) bool {
	return own.Symmetric() && other.Symmetric() && own.Stride > 0 && other.Stride > 0
}
