package path

import (
	"net/netip"
	"slices"
	"time"
)

// Limits on birthday probing, because a flood of probes can look like an attack.
const (
	ledgerTime     = time.Hour
	roundsPeer     = 2  // with one peer, over all its links
	roundsAddr     = 2  // toward one address, for all peers
	roundsTogether = 32 // in total
)

// A Ledger counts the rounds of the last hour. The zero value is empty.
type Ledger struct{ rounds []round }

type round struct {
	at   time.Time
	peer [16]byte
	addr netip.Addr
}

// Allow reports whether a round of birthday probing with a peer, identified by its GUID,
// toward an address is within the limits, and counts it if so. earlier is the number of
// previous rounds with that peer in the last hour.
func (l *Ledger) Allow(now time.Time, peer [16]byte, addr netip.Addr) (earlier int, ok bool) {
	l.rounds = slices.DeleteFunc(l.rounds, func(r round) bool { return now.Sub(r.at) >= ledgerTime })
	there := 0
	for _, r := range l.rounds {
		if r.peer == peer {
			earlier++
		}
		if r.addr == addr {
			there++
		}
	}
	if earlier >= roundsPeer || there >= roundsAddr || len(l.rounds) >= roundsTogether {
		return earlier, false
	}
	l.rounds = append(l.rounds, round{now, peer, addr})
	return earlier, true
}
