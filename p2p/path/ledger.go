package path

import (
	"net/netip"
	"slices"
	"time"
)

// What a process sprays: a flood of probes can be taken for an attack.
const (
	ledgerTime     = time.Hour
	roundsPeer     = 2 // with one peer, over all links with it
	roundsAddr     = 2 // toward one address, whoever is said to be there
	roundsTogether = 32
)

// A Ledger counts the rounds of the last hour. The zero value is empty.
type Ledger struct{ rounds []round }

type round struct {
	at   time.Time
	peer [16]byte
	addr netip.Addr
}

// Allow reports whether there may be a round with a peer, of that GUID, toward an
// address now, and counts it; earlier tells how many there were with the
// peer.
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
