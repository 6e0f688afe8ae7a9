package p2p

import (
	"net/netip"
	"sync"
	"time"

	"p2ptool/p2p/path"
)

// observedRecently is how long this peer may probe the address at which the server saw the other end. After that, the
// other end may have moved, and its address may belong to someone else.
const observedRecently = 2 * time.Minute

// birthdayTurn is how long a round waits for the rounds of other links.
const birthdayTurn = 4 * time.Second

// birthdayLimits limits the birthday probing of a peer. The ledger limits the number of rounds. One round of probes
// runs at a time.
type birthdayLimits struct {
	turn chan struct{} // holds one element while a round of probes runs

	mu     sync.Mutex
	ledger path.Ledger
}

func (s *birthdayLimits) init() { s.turn = make(chan struct{}, 1) }

// allow reports whether a round with a peer at an address is within the limits, and counts it if so. earlier is the
// number of previous rounds with that peer in the last hour.
func (s *birthdayLimits) allow(guid GUID, at netip.Addr) (earlier int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.Allow(time.Now(), guid, at)
}

// mayProbePorts reports whether this end takes part in birthday probing and port prediction.
func (l *Link) mayProbePorts() bool { return l.require != RequireRelay && !l.peer.opts.NoSpray }

// observedAddr returns the address at which the server recently saw the other end, if it is an IPv4 address.
func (l *Link) observedAddr() (netip.AddrPort, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.observed.addr, l.observed.addr.Addr().Is4() && time.Since(l.observed.at) < observedRecently
}

// onOpened handles a range of ports that the other end announces: behind some of them it has sockets, or will have them
// soon. The link's loop calls it.
func (l *Link) onOpened(ports path.Ports) {
	if l.peer.nat.known().Symmetric() {
		select {
		case l.offered <- ports:
		default:
		}
		return
	}
	if l.running.probing.CompareAndSwap(false, true) {
		l.peer.spawn(func() {
			defer l.running.probing.Store(false)
			l.probePorts(ports)
		})
	}
}

// probePorts probes some of these ports at the address where the server saw the other end. It never probes an address
// that only the other end names.
func (l *Link) probePorts(ports path.Ports) {
	p := l.peer
	at, ok := l.observedAddr()
	conn := p.connFor(at.Addr())
	if !ok || conn == nil || !l.mayProbePorts() || l.Path().Kind != path.Relay {
		return
	}
	wait := time.NewTimer(birthdayTurn)
	defer wait.Stop()
	select {
	case p.birthday.turn <- struct{}{}:
		defer func() { <-p.birthday.turn }()
	case <-wait.C:
		return
	case <-l.Done():
		return
	}
	if _, ok := p.birthday.allow(l.remote.guid, at.Addr()); !ok {
		return
	}
	select {
	case <-l.inner.ProbePorts(conn, at.Addr(), ports.Draw(path.BirthdayProbes)):
	case <-l.Done():
	}
}
