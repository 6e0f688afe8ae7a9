package p2p

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"p2ptool/p2p/path"
	"p2ptool/p2p/stun"
)

// Where one end's probes arrive at the other's NAT before anything has left there for that
// end, a bare masquerade takes them for packets to itself and maps its own host's
// probes to another port, to which nobody sends. What is spoiled stays so for as long as
// packets come. A new socket has a port at which nobody has knocked yet: it
// is opened toward the other end before that one is told of it.
//
// The two ends take turns, for what leaves one NAT may arrive at the other one, where no
// router lies between, and spoil there what would not be spoiled the other way round. Where
// both are bare and no router lies between, what leaves first always spoils: then both must
// leave before either arrives. So in every second round the new socket sends when the
// other end's probe should leave.

const (
	freshRounds = 3                      // of one end in freshTime: the other end probes no more than 4 ports of a host
	freshTime   = 10 * time.Minute       // and no sooner than this again
	freshTurn   = 500 * time.Millisecond // by which one end begins later than the other
	freshRound  = 500 * time.Millisecond // until the socket must be found, and two round trips by the relay
	freshGap    = 100 * time.Millisecond // until the second round
	freshAsk    = time.Second            // for the server to tell a socket's address
	freshPings  = 3                      // that measure how far the relay is
)

// freshens reports whether a new socket may help: each end has one port for all.
func (l *Link) freshens(own, other path.NAT) bool {
	return l.require != RequireRelay && !own.Symmetric() && !other.Symmetric()
}

// freshen makes a round with a new socket, and returns how long until the next.
func (l *Link) freshen() (wait time.Duration) {
	now := time.Now()
	l.fresh = slices.DeleteFunc(l.fresh, func(at time.Time) bool { return now.Sub(at) >= freshTime })
	earlier := len(l.fresh)
	if earlier >= freshRounds {
		return l.fresh[0].Add(freshTime).Sub(now)
	}
	if earlier == 0 && !l.initiator && (!l.rest(freshTurn) || l.Path().Kind != path.Relay) {
		return 0
	}
	l.lookAgain()
	to, ok := l.seenAt()
	if !ok || to.Addr() == l.peer.client.View().V4.Main.Addr() {
		return fanLater
	}
	l.fresh = append(l.fresh, now)
	f := &fan{peer: l.peer}
	if f.open(1) && l.found(f, to, earlier) {
		l.hold(f)
		return 0
	}
	f.close()
	if earlier == 0 {
		return freshGap
	}
	return fanAgain
}

// found opens the way to a new socket, tells the other end of it, and reports whether it has come.
func (l *Link) found(f *fan, to netip.AddrPort, earlier int) bool {
	ctx, cancel := context.WithTimeout(l.peer.ctx, freshAsk)
	defer cancel()
	server, _ := l.peer.client.Observers()
	at := f.asker.Ask(server, server, stun.Request{})(ctx)
	if !at.IsValid() {
		return false
	}
	together := earlier%2 == 1
	if together && !l.tellAhead(ctx, at) {
		return false
	}
	opened, won := l.inner.OpenPool(f.conns, to, l.peer.nat.freshTTL(earlier))
	select {
	case <-opened:
	case <-l.Done():
		return false
	}
	if !together {
		l.tellOf(at)
	}
	return l.await(won, freshRound+2*l.Path().RTT) != nil
}

// tellOf tells the other end of a new socket's outer address, which it probes then.
func (l *Link) tellOf(at netip.AddrPort) {
	fresh := path.Candidate{Kind: path.ServerReflexive, Addr: at}
	l.inner.SetCandidates(append([]path.Candidate{fresh}, l.peer.candidates()...))
}

// tellAhead tells the other end of it, and returns when that has arrived there, by the shortest of a
// few round trips.
func (l *Link) tellAhead(ctx context.Context, at netip.AddrPort) bool {
	shortest := time.Duration(-1)
	for range freshPings {
		d, _, err := l.inner.Ping(ctx)
		if err != nil {
			break
		}
		if shortest < 0 || d < shortest {
			shortest = d
		}
	}
	if shortest < 0 {
		return false
	}
	l.tellOf(at)
	return l.rest(shortest / 2)
}

// freshTTL is the time to live of what a new socket sends first. Where it is not known what
// passes this host's NATs, the usual one takes turns with that of an opener.
func (w *natWatch) freshTTL(earlier int) int {
	w.mu.Lock()
	known := w.exit != 0
	w.mu.Unlock()
	if !known && earlier%2 == 1 {
		return 0
	}
	return w.openerTTL()
}
