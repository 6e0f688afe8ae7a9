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

// A Link is one end of an authenticated, encrypted session with another peer.
// Its methods may be called from several goroutines.
type Link struct {
	peer      *Peer
	inner     *link.Link
	index     uint32 // our session
	remote    GUID
	instance  uint64          // the other process
	listening bool            // the other process takes calls, before those that listened earlier
	takes     uint32          // the kinds of streams that it takes
	apart     bool            // its initiator wants a link of its own
	require   Require         // what this end is content with
	changed   chan struct{}   // one place: the path has changed
	troubled  atomic.Int64    // when the path in use last did not answer, in Unix nanoseconds
	suspected atomic.Bool     // suspect is under way
	spraying  atomic.Bool     // so is spray
	rejoining atomic.Bool     // so is rejoin
	byRelay   atomic.Bool     // the path in use, or the last one, is relayed
	offered   chan path.Ports // one place: those that a symmetric NAT gives the other end next
	initiator bool
	began     time.Time           // when it was up; guarded by the mutex of the peer
	nudged    chan struct{}       // one place: there may be a better path
	fresh     []time.Time         // of rounds with a new socket. Of watch alone
	held      *fan                // the socket of the path; nil: the peer's own. Of watch alone
	nat       atomic.Pointer[NAT] // of the other end

	mu       sync.Mutex
	told     bool           // Connected was reported
	shown    Path           // that the last event told of, without its round trip
	observed netip.AddrPort // where the server saw the other end
	seen     time.Time      // and when
	reunited time.Time
	reunions int
}

// newLink makes a link of a handshake's outcome, in which the two ends said
// mine and g. It has no path yet.
func (p *Peer) newLink(require Require, initiator bool, s noise.Secrets, remote GUID, mine, g greeting) *Link {
	l := &Link{
		peer: p, index: mine.index, remote: remote, instance: g.instance, listening: g.listening,
		takes: g.takes, apart: mine.apart || g.apart,
		changed: make(chan struct{}, 1), nudged: make(chan struct{}, 1),
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
		l.inner.SetCandidates(cs) // the handshake named others
	}
	if n := p.nat.known(); n != mine.nat {
		l.inner.SetNAT(n) // found out since
	}
	if closed {
		l.inner.Close(link.CodeDone, "")
	}
	return l
}

// watch looks for better paths until the link ends, and cleans up.
func (l *Link) watch() {
	for l.Err() == nil {
		select {
		case <-l.nudged:
			l.widen()
		case ports := <-l.offered:
			l.accept(ports)
		case <-l.Done():
		}
	}
	<-l.Done()
	l.hold(nil)
	l.peer.forget(l)
	l.mu.Lock()
	told := l.told
	l.mu.Unlock()
	if told {
		l.peer.events.put(Disconnected{l, l.inner.Err()})
	}
}

// newIndex returns a session index that is free.
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

// onPath is told of the path by the link's loop.
func (l *Link) onPath(p link.Path) {
	select {
	case l.changed <- struct{}{}:
	default:
	}
	if p.Kind == path.Relay {
		l.nudge()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.Kind != path.None {
		l.byRelay.Store(p.Kind.Relayed())
		l.reunions = 0
	}
	now := l.Path() // start may have told of it already
	switch {
	case !l.told || !l.show(now):
	case now.Kind == PathNone:
		l.peer.events.put(PathLost{l})
	default:
		l.peer.events.put(PathChanged{l, now})
	}
}

// show notes what an event is about to tell, and reports whether that is news. The
// caller holds mu.
func (l *Link) show(p Path) bool {
	p.RTT = 0
	news := l.shown != p
	l.shown = p
	return news
}

// Peer returns the GUID of the other end.
func (l *Link) Peer() GUID { return l.remote }

// Path returns the path in use. Its Kind is PathNone while none answers.
func (l *Link) Path() Path { return Path(l.inner.Path()) }

// NAT returns what the other end has said of its NAT.
func (l *Link) NAT() NAT { return *l.nat.Load() }

// onNAT is told of it anew.
func (l *Link) onNAT(n path.NAT) {
	l.nat.Store(&n)
	l.nudge()
}

// Done is closed when the link has ended.
func (l *Link) Done() <-chan struct{} { return l.inner.Done() }

// Err returns why the link ended: a *CloseError, ErrIdle, ErrGone, or nil while
// it is up.
func (l *Link) Err() error { return l.inner.Err() }

// Close closes the link with CodeDone: see CloseWith.
func (l *Link) Close() error { return l.CloseWith(CodeDone, "") }

// CloseWith ends the link at once and tells the other side the code and the
// reason. What streams have not delivered is lost: protocols confirm what
// matters before. It waits until the other side has heard of it, at most a
// second. Twice is fine.
func (l *Link) CloseWith(code uint64, reason string) error { return l.inner.Close(code, reason) }

// Ping measures a round trip and tells the path that it took.
func (l *Link) Ping(ctx context.Context) (time.Duration, Path, error) {
	d, p, err := l.inner.Ping(ctx)
	return d, Path(p), err
}

// SendDatagram sends b once, without any promise; it has at most 1,100 bytes.
func (l *Link) SendDatagram(b []byte) error { return l.inner.SendDatagram(b) }

// ReceiveDatagram waits for the next datagram.
func (l *Link) ReceiveDatagram(ctx context.Context) ([]byte, error) {
	return l.inner.ReceiveDatagram(ctx)
}

// alive reports whether the link is up and was heard of lately.
func (l *Link) alive() bool {
	return l.Err() == nil && l.Path().Kind != path.None
}

// ready waits until the link has a path: a direct one, or the relay's after a
// moment in which a direct one may still come.
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

// start reports a link that is up and serves its streams.
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
	l.nudge()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = true
	now := l.Path()
	l.show(now)
	p.events.put(Connected{l, now})
}
