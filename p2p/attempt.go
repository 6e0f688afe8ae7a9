package p2p

import (
	"context"
	"errors"
	"slices"
	"time"
)

// A goal is what a call of Connect asks for. Calls with the same goal share one attempt.
type goal struct {
	guid    GUID
	require Require
	kind    string // of streams that the process has to accept; "": any process that listens
	addr    string // of ConnectOptions
}

// metByProcess reports whether a process with these properties meets the goal. takes is its set of stream kinds.
func (g goal) metByProcess(listening bool, takes uint32) bool {
	if g.kind == "" {
		return listening
	}
	return takes&kindBit(g.kind) != 0
}

// An attempt is the work to reach one goal, for all callers of Connect that wait for it. Peer.mu guards the fields after
// done.
type attempt struct {
	cancel  context.CancelCauseFunc
	done    chan struct{}
	waiting int       // callers
	called  []uint64  // processes that the server was asked to call
	dialed  time.Time // when a handshake without the server was begun; zero: never
	coming  bool      // the other peer is calling, and its link meets the goal
	link    *Link
	err     error
}

// errAdopted cancels an attempt that uses the other peer's link instead.
var errAdopted = errors.New("the other peer was first")

const (
	// incomingPatience is how long an attempt waits for the link of an incoming call that arrived before the attempt
	// called any process itself.
	incomingPatience = time.Second
	// crossingWindow is how long a handshake that this peer began without the server, or the link that it led to,
	// keeps this peer from answering a handshake of the other process.
	crossingWindow = time.Second
)

// connect returns an existing link that meets the goal, or waits for an attempt: the running one, or a new one that
// executes call.
func (p *Peer) connect(ctx context.Context, g goal, call func(context.Context, *attempt) (*Link, error)) (*Link, error) {
	if g.guid == p.guid {
		return nil, ErrOwnGUID
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	if l := p.existing(g); l != nil {
		p.mu.Unlock()
		return l, nil
	}
	a := p.attempts[g]
	if a == nil {
		a = p.begin(ctx, g, call)
	}
	a.waiting++
	p.mu.Unlock()
	select {
	case <-a.done:
		return a.link, a.err
	case <-ctx.Done():
		p.leave(g, a, context.Cause(ctx))
		return nil, context.Cause(ctx)
	}
}

// existing returns a link that is up and meets the goal, preferably one with a process that listens. The caller holds
// Peer.mu.
func (p *Peer) existing(g goal) (best *Link) {
	for l := range p.links {
		if l.remote.guid != g.guid || !l.alive() || !g.require.allows(l.Path().Kind.Relayed()) ||
			g.kind != "" && !l.Takes(g.kind) {
			continue
		}
		if best == nil || l.remote.listening && !best.remote.listening {
			best = l
		}
	}
	return best
}

// begin starts an attempt. It continues after its first caller has given up, as long as others wait. The caller of begin
// holds Peer.mu.
func (p *Peer) begin(ctx context.Context, g goal, call func(context.Context, *attempt) (*Link, error)) *attempt {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	a := &attempt{cancel: cancel, done: make(chan struct{})}
	a.coming = g.require == RequireAny && p.inbound.awaits(func(l *Link) bool {
		return l.remote.guid == g.guid && !l.exclusive && g.metByProcess(l.remote.listening, l.remote.takes)
	})
	p.attempts[g] = a
	stop := context.AfterFunc(p.ctx, func() { cancel(ErrClosed) })
	p.wg.Go(func() {
		defer stop()
		defer cancel(nil)
		l, err := call(ctx, a)
		p.finish(g, a, l, err)
	})
	return a
}

// leave is called by a caller that gives up. When the last one leaves, the attempt ends.
func (p *Peer) leave(g goal, a *attempt, cause error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a.waiting--; a.waiting > 0 {
		return
	}
	if p.attempts[g] == a {
		delete(p.attempts, g)
	}
	a.cancel(cause)
}

// finish ends an attempt with its result. If all callers have left or use another link, it closes this one.
func (p *Peer) finish(g goal, a *attempt, l *Link, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.attempts[g] != a {
		if l != nil {
			p.wg.Go(func() { l.CloseWith(CodeReplaced, "") })
		}
		return
	}
	delete(p.attempts, g)
	a.link, a.err = l, err
	close(a.done)
}

// If two peers call each other at the same time, both use the same link: the one that the peer with the smaller GUID
// calls for, unless that peer has not called any process yet. Calls for an exclusive link are not affected, nor are calls
// from a process other than the one that was called.

// crossesOwnCall reports whether an incoming handshake crosses a call of ours that takes precedence. The caller must not
// answer it: the sender gets our link instead. crosses says whether an attempt has called that sender.
func (p *Peer) crossesOwnCall(remote GUID, g greeting, crosses func(*attempt) bool) bool {
	if g.exclusive || p.opts.Calling || string(p.guid[:]) > string(remote[:]) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for goal, a := range p.attempts {
		if goal.guid == remote && goal.require == RequireAny && crosses(a) {
			return true
		}
	}
	for l := range p.links { // ours is up already, and the other end is about to find out
		if l.remote.guid == remote && l.remote.instance == g.instance && l.initiator && !l.exclusive &&
			l.alive() && time.Since(l.began) < crossingWindow {
			return true
		}
	}
	return false
}

// calledIt returns a function that reports whether an attempt asked the server to call the process.
func calledIt(instance uint64) func(*attempt) bool {
	return func(a *attempt) bool { return slices.Contains(a.called, instance) }
}

// dialsNow reports whether an attempt began a handshake without the server within crossingWindow.
func dialsNow(a *attempt) bool { return !a.dialed.IsZero() && time.Since(a.dialed) < crossingWindow }

// expectLink records for the attempts whose goal an incoming call will meet that its link is coming: those that have not
// called any process yet wait for it.
func (p *Peer) expectLink(remote GUID, g greeting) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for goal, a := range p.attempts {
		if goal.guid == remote && goal.require == RequireAny && !g.exclusive && goal.metByProcess(g.listening, g.takes) {
			a.coming = true
		}
	}
}

// beforeCall records that an attempt is about to call a process; beforeDial, that it is about to begin a handshake
// without the server. If the other peer's call arrived first, they wait for its link before.
func (p *Peer) beforeCall(ctx context.Context, a *attempt, instance uint64) error {
	return p.yieldThen(ctx, a, func() { a.called = append(a.called, instance) })
}

func (p *Peer) beforeDial(ctx context.Context, a *attempt) error {
	return p.yieldThen(ctx, a, func() { a.dialed = time.Now() })
}

// yieldThen waits for the link of an incoming call, if one is expected, for at most incomingPatience; then it calls begin
// with Peer.mu held.
func (p *Peer) yieldThen(ctx context.Context, a *attempt, begin func()) error {
	begun := func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		wait := a.coming && len(a.called) == 0 && a.dialed.IsZero()
		if a.coming = false; !wait {
			begin()
		}
		return !wait
	}
	if begun() {
		return nil
	}
	timer := time.NewTimer(incomingPatience)
	defer timer.Stop()
	select {
	case <-timer.C:
		begun()
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// adopt ends all attempts whose goal is met by a link that the other end began, with that link as their result.
func (p *Peer) adopt(l *Link) (adopted bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for g, a := range p.attempts {
		if l.exclusive || g.guid != l.remote.guid || g.require != RequireAny ||
			!slices.Contains(a.called, l.remote.instance) && !g.metByProcess(l.remote.listening, l.remote.takes) {
			continue
		}
		delete(p.attempts, g)
		a.link = l
		close(a.done)
		a.cancel(errAdopted)
		adopted = true
	}
	return adopted
}
