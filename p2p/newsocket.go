package p2p

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"p2ptool/p2p/path"
	"p2ptool/p2p/stun"
)

// A Linux router that masquerades without dropping unsolicited input ("bare") mishandles early probes: if a probe
// arrives before the host behind the router has sent anything to its source, the router records it as a connection to
// itself, and maps the host's own probes to another port, to which nobody sends. The mistake lasts as long as packets
// keep coming. A new socket has a port that nobody has probed yet: it sends to the other end first, and only then does
// the other end learn its address.
//
// The two ends take turns. If no router lies between the NATs, the first packet of the new socket may reach the other
// NAT and cause the same mistake there, which it would not do in the opposite direction. If, in addition, both NATs are
// bare, whichever packet leaves first does harm, so both must leave before either arrives: in every second round the
// new socket sends at the moment at which the other end's probe should leave.

const (
	newSocketRounds = 3                      // of one end within newSocketPeriod; the other end probes at most 4 ports of a host
	newSocketPeriod = 10 * time.Minute       // see newSocketRounds
	newSocketTurn   = 500 * time.Millisecond // how much later the called end begins
	newSocketRound  = 500 * time.Millisecond // in which the socket must become a path, plus two round trips over the relay
	newSocketGap    = 100 * time.Millisecond // between the first and the second round
	newSocketSTUN   = time.Second            // for the server to answer with the socket's address
	newSocketPings  = 3                      // to measure the round trip over the relay
)

// newSocketMayHelp reports whether a new socket may lead to a direct path: neither NAT may map by endpoint.
func (l *Link) newSocketMayHelp(own, other path.NAT) bool {
	return l.require != RequireRelay && !own.Symmetric() && !other.Symmetric()
}

// tryNewSocket runs a round with a new socket, and returns how long to wait until the next.
func (l *Link) tryNewSocket() (wait time.Duration) {
	now := time.Now()
	l.direct.newSockets = slices.DeleteFunc(l.direct.newSockets, func(at time.Time) bool { return now.Sub(at) >= newSocketPeriod })
	earlier := len(l.direct.newSockets)
	if earlier >= newSocketRounds {
		return l.direct.newSockets[0].Add(newSocketPeriod).Sub(now)
	}
	if earlier == 0 && !l.initiator && (!l.waitOrWake(newSocketTurn) || l.Path().Kind != path.Relay) {
		return 0
	}
	l.refreshObserved()
	to, ok := l.observedAddr()
	if !ok || to.Addr() == l.peer.client.View().V4.Main.Addr() {
		return searchLater
	}
	l.direct.newSockets = append(l.direct.newSockets, now)
	f := &socketPool{peer: l.peer}
	if f.open(1) && l.openNewSocket(f, to, earlier) {
		l.keepPool(f)
		return 0
	}
	f.close()
	if earlier == 0 {
		return newSocketGap
	}
	return searchAgain
}

// openNewSocket sends from the new socket to the other end, announces the socket's address there, and reports whether
// the socket becomes a path.
func (l *Link) openNewSocket(f *socketPool, to netip.AddrPort, earlier int) bool {
	ctx, cancel := context.WithTimeout(l.peer.ctx, newSocketSTUN)
	defer cancel()
	server, _ := l.peer.client.Observers()
	at := f.asker.Ask(server, server, stun.Request{})(ctx)
	if !at.IsValid() {
		return false
	}
	together := earlier%2 == 1
	if together && !l.announceFirst(ctx, at) {
		return false
	}
	opened, won := l.inner.OpenPool(f.conns, to, l.peer.nat.newSocketTTL(earlier))
	select {
	case <-opened:
	case <-l.Done():
		return false
	}
	if !together {
		l.announceSocket(at)
	}
	return l.awaitWinner(won, newSocketRound+2*l.Path().RTT) != nil
}

// announceSocket sends the external address of a new socket to the other end, which then probes it.
func (l *Link) announceSocket(at netip.AddrPort) {
	fresh := path.Candidate{Kind: path.ServerReflexive, Addr: at}
	l.inner.SetCandidates(append([]path.Candidate{fresh}, l.peer.candidates()...))
}

// announceFirst sends the external address of a new socket to the other end, and returns when it should have arrived:
// after half of the shortest of a few round trips.
func (l *Link) announceFirst(ctx context.Context, at netip.AddrPort) bool {
	shortest := time.Duration(-1)
	for range newSocketPings {
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
	l.announceSocket(at)
	return l.waitOrWake(shortest / 2)
}

// newSocketTTL returns the time to live of a new socket's first packet; 0: the system's default. While it is not known
// which one passes this host's NATs, the opener's and the default alternate.
func (w *natWatch) newSocketTTL(earlier int) int {
	w.mu.Lock()
	known := w.exit != 0
	w.mu.Unlock()
	if !known && earlier%2 == 1 {
		return 0
	}
	return w.openerTTL()
}
