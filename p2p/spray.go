package p2p

import (
	"net/netip"
	"sync"
	"time"

	"p2ptool/p2p/path"
)

// seenLately is for how long the server's word counts on where the other end
// is: it may have moved, and somebody else may have its address.
const seenLately = 2 * time.Minute

// sprayTurn is how long a spray waits for those of other links.
const sprayTurn = 4 * time.Second

// sprays bounds what a peer probes: rounds by the ledger, and one at a time.
type sprays struct {
	turn chan struct{} // holds one while a spray is under way

	mu     sync.Mutex
	ledger path.Ledger
}

func (s *sprays) init() { s.turn = make(chan struct{}, 1) }

// allow reports whether there may be a round with a peer at an address, counts
// it, and tells how many there were before.
func (s *sprays) allow(guid GUID, at netip.Addr) (earlier int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.Allow(time.Now(), guid, at)
}

// spraysToo reports whether this end takes part in sprays.
func (l *Link) spraysToo() bool { return l.require != RequireRelay && !l.peer.opts.NoSpray }

// seenAt returns where the server saw the other end lately, if that is an IPv4
// address.
func (l *Link) seenAt() (netip.AddrPort, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.observed, l.observed.Addr().Is4() && time.Since(l.seen) < seenLately
}

// onOpened is told, by the link's loop, that sockets of the other end wait for
// our probes among these ports of its address, or will.
func (l *Link) onOpened(ports path.Ports) {
	if l.peer.nat.known().Symmetric() {
		select {
		case l.offered <- ports:
		default:
		}
		return
	}
	if l.spraying.CompareAndSwap(false, true) {
		l.peer.spawn(func() {
			defer l.spraying.Store(false)
			l.spray(ports)
		})
	}
}

// spray probes for them. The address is the one that the server saw, never one
// that the other end names.
func (l *Link) spray(ports path.Ports) {
	p := l.peer
	at, ok := l.seenAt()
	conn := p.connFor(at.Addr())
	if !ok || conn == nil || !l.spraysToo() || l.Path().Kind != path.Relay {
		return
	}
	wait := time.NewTimer(sprayTurn)
	defer wait.Stop()
	select {
	case p.sprays.turn <- struct{}{}:
		defer func() { <-p.sprays.turn }()
	case <-wait.C:
		return
	case <-l.Done():
		return
	}
	if _, ok := p.sprays.allow(l.remote, at.Addr()); !ok {
		return
	}
	select {
	case <-l.inner.ProbePorts(conn, at.Addr(), ports.Draw(path.BirthdayProbes)):
	case <-l.Done():
	}
}
