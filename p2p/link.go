package p2p

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"p2ptool/p2p/link"
	"p2ptool/p2p/noise"
	"p2ptool/p2p/path"
)

const (
	connectPatience = 10 * time.Second // until any path must answer
	pendingPatience = 15 * time.Second // for the first packet of a link that another peer began
	relayGraceMin   = 60 * time.Millisecond
	relayGraceMax   = 300 * time.Millisecond
)

// A Link is one end of an authenticated, encrypted session with a process of another peer. Its methods are safe for
// concurrent use.
type Link struct {
	peer      *Peer
	inner     *link.Link
	index     uint32 // of this end's session
	initiator bool
	exclusive bool    // not shared with a call that crosses it, as its initiator wants
	require   Require // paths that this end may use
	remote    process
	nat       atomic.Pointer[NAT] // of the other end
	began     time.Time           // when it was up; guarded by Peer.mu

	// Signals, each with room for one.
	changed chan struct{}   // for ready: the path has changed
	search  chan struct{}   // for watch: a better path may be found
	offered chan path.Ports // for watch: ports that the other end's symmetric NAT will use next

	byRelay  atomic.Bool  // the path in use is relayed; while there is none, the last one was
	troubled atomic.Int64 // when the path in use last failed to answer, in Unix nanoseconds
	running  linkTasks
	direct   directSearch // owned by watch

	mu             sync.Mutex // guards what follows
	reported       reported
	observed       observation
	reintroduction reintroduction
}

// A process is the process at the other end of a link, as the handshake described it.
type process struct {
	guid      GUID
	instance  uint64 // random number of the process
	listening bool   // it receives calls, in preference to processes that began listening earlier
	takes     uint32 // kinds of streams that it accepts, see kindBit
}

// linkTasks records which tasks of a link are running, at most one of each.
type linkTasks struct {
	replacedCheck, probing, rejoin atomic.Bool
}

// directSearch is the state of the search for a direct path.
type directSearch struct {
	newSockets []time.Time // when rounds with a new socket began
	pool       *socketPool // the socket of the path in use; nil: one of the peer's own
}

// reported is what the application knows of a link from events.
type reported struct {
	connected bool
	path      Path // of the last event; RTT is 0
}

// An observation is where and when a server last saw the other end.
type observation struct {
	addr netip.AddrPort
	at   time.Time
}

// reintroduction says when a link without a path last asked for a reintroduction, and how often since it had one.
type reintroduction struct {
	last  time.Time
	count int
}

// newLink returns a link with the keys of a completed handshake, in which this end sent mine and the other end sent g.
// It has no path yet.
func (p *Peer) newLink(require Require, initiator bool, s noise.Secrets, remote GUID, mine, g greeting) *Link {
	l := &Link{
		peer: p, index: mine.index, exclusive: mine.exclusive || g.exclusive,
		remote:  process{guid: remote, instance: g.instance, listening: g.listening, takes: g.takes},
		changed: make(chan struct{}, 1), search: make(chan struct{}, 1),
		offered: make(chan path.Ports, 1), require: require, initiator: initiator,
	}
	l.nat.Store(&g.nat)
	l.inner = link.New(link.Config{
		Initiator: initiator, Secrets: s, Index: g.index,
		Route: p.route, Own: p.own, Allow: require.allows,
		Loopback:  p.hasLoopback(),
		Targets:   p.targets,
		NATs:      g.nats,
		OpenerTTL: p.nat.openerTTL,
		OnNAT:     l.onNAT,
		OnOpened:  l.onOpened,
		OnPath:    l.onPath,
		OnTrouble: l.onTrouble,
		Trace:     p.trace(LinkInfo{remote, initiator}, mine.index, g.index),
		Log:       p.pathLog(remote),
	})
	p.mu.Lock()
	closed := p.closed
	if !closed {
		p.sessions[l.index] = l.inner
		p.wg.Go(l.watch)
	}
	p.mu.Unlock()
	if cs := p.candidates(); !slices.Equal(cs, mine.candidates) {
		l.inner.SetCandidates(cs) // they changed during the handshake
	}
	if n := p.nat.known(); n != mine.nat {
		l.inner.SetNAT(n) // it was found out during the handshake
	}
	if closed {
		l.inner.Close(link.CodeDone, "")
	}
	return l
}

// watch searches for a direct path until the link ends, then cleans up.
func (l *Link) watch() {
	for l.Err() == nil {
		select {
		case <-l.search:
			l.searchDirect()
		case ports := <-l.offered:
			l.joinPrediction(ports)
		case <-l.Done():
		}
	}
	<-l.Done()
	l.keepPool(nil)
	l.peer.forget(l)
	l.mu.Lock()
	connected := l.reported.connected
	l.mu.Unlock()
	if connected {
		l.peer.events.put(Disconnected{l, l.inner.Err()})
	}
}

// newIndex returns an unused session index.
func (p *Peer) newIndex() uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		i := rand.Uint32()
		if _, taken := p.sessions[i]; !taken && (p.client == nil || !p.client.Owns(i)) {
			return i
		}
	}
}

func (p *Peer) forget(l *Link) {
	p.inbound.remove(l)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sessions[l.index] == l.inner {
		delete(p.sessions, l.index)
	}
	delete(p.links, l)
	p.relays.forget(l)
}

// onPath is called by the link's loop when the path in use changes.
func (l *Link) onPath(p link.Path) {
	select {
	case l.changed <- struct{}{}:
	default:
	}
	if p.Kind == path.Relay {
		l.searchAnew()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.Kind != path.None {
		l.byRelay.Store(p.Kind.Relayed())
		l.reintroduction.count = 0
	}
	now := l.Path() // start may have reported it already
	switch {
	case !l.reported.connected || !l.setReportedLocked(now):
	case now.Kind == PathNone:
		l.peer.events.put(PathLost{l})
	default:
		l.peer.events.put(PathChanged{l, now})
	}
}

// setReportedLocked records the path that an event is about to report, and returns false if the last event reported the
// same. The caller holds mu.
func (l *Link) setReportedLocked(p Path) (changed bool) {
	p.RTT = 0
	changed = l.reported.path != p
	l.reported.path = p
	return changed
}

// Peer returns the GUID of the other end.
func (l *Link) Peer() GUID { return l.remote.guid }

// Path returns the path in use. Its Kind is PathNone while no path answers.
func (l *Link) Path() Path { return Path(l.inner.Path()) }

// NAT returns the other end's NAT, as that end describes it. The zero value means that it is not known.
func (l *Link) NAT() NAT { return *l.nat.Load() }

// onNAT is called by the link's loop when the other end describes its NAT.
func (l *Link) onNAT(n path.NAT) {
	l.nat.Store(&n)
	l.searchAnew()
}

// Done returns a channel that is closed when the link has ended.
func (l *Link) Done() <-chan struct{} { return l.inner.Done() }

// Err returns why the link ended: a *CloseError, ErrIdle or ErrGone; nil while the link is up.
func (l *Link) Err() error { return l.inner.Err() }

// Close is CloseWith(CodeDone, "").
func (l *Link) Close() error { return l.CloseWith(CodeDone, "") }

// CloseWith closes the link and sends code and reason to the other end, where they become a *CloseError. Streams fail
// at once. What was written to them is still sent for half a second, or three round trips if that is longer, without
// any promise: have what matters confirmed first. CloseWith returns when that is over and the other end has confirmed
// the closing, in less than two seconds. Its error is always nil; calling it again does no harm.
func (l *Link) CloseWith(code uint64, reason string) error { return l.inner.Close(code, reason) }

// Ping returns the time of one round trip and the path that it took. The error is the link's or ctx's.
func (l *Link) Ping(ctx context.Context) (time.Duration, Path, error) {
	d, p, err := l.inner.Ping(ctx)
	return d, Path(p), err
}

// SendDatagram sends b, at most 1,100 bytes, once: it may be lost, and may arrive out of order.
func (l *Link) SendDatagram(b []byte) error { return l.inner.SendDatagram(b) }

// ReceiveDatagram waits for the next datagram. The error is the link's or ctx's. The error is the link's or ctx's.
func (l *Link) ReceiveDatagram(ctx context.Context) ([]byte, error) {
	return l.inner.ReceiveDatagram(ctx)
}

// alive reports whether the link is up and a path answers.
func (l *Link) alive() bool {
	return l.Err() == nil && l.Path().Kind != path.None
}

// ready waits until the link has a path. If the first path is relayed, it waits a moment longer for a direct one.
func (l *Link) ready(ctx context.Context) error {
	timeout := time.NewTimer(connectPatience)
	defer timeout.Stop()
	var grace <-chan time.Time
	for {
		switch p := l.Path(); {
		case p.Kind == path.None:
		case !p.Kind.Relayed() || l.require == RequireRelay:
			return nil
		case grace == nil:
			grace = time.After(min(max(p.RTT, relayGraceMin), relayGraceMax))
		}
		select {
		case <-l.changed:
		case <-grace:
			return nil
		case <-l.Done():
			return l.Err()
		case <-timeout.C:
			return ErrNoPath
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// start reports that the link is up and begins to serve its streams.
func (l *Link) start() {
	p := l.peer
	p.mu.Lock()
	if p.closed || l.Err() != nil {
		p.mu.Unlock()
		return
	}
	p.links[l] = true
	l.began = time.Now()
	p.wg.Go(l.serve)
	p.mu.Unlock()
	l.searchAnew()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reported.connected = true
	now := l.Path()
	l.setReportedLocked(now)
	p.events.put(Connected{l, now})
}
