package p2p

import (
	"context"
	"errors"
	"slices"
	"time"
)

// A goal is what a Connect wants. Those that want the same share an attempt.
type goal struct {
	guid    GUID
	require Require
	kind    string // of the streams that the process has to take; "": of none
	addr    string // of ConnectOptions
}

// metByProcess reports whether a link with a process will do, as far as the process goes.
func (g goal) metByProcess(listening bool, takes uint32) bool {
	if g.kind == "" {
		return listening
	}
	return takes&kindBit(g.kind) != 0
}

// An attempt is a Connect under way, for as many callers as wait for it. What is not constant is
// guarded by the mutex of the peer.
type attempt struct {
	cancel  context.CancelCauseFunc
	done    chan struct{}
	waiting int       // callers
	called  []uint64  // the processes that the server was asked to call
	dialed  time.Time // when a handshake was begun without a server; zero: none was
	coming  bool      // the other peer calls, and its link will do
	link    *Link
	err     error
}

// errAdopted ends an attempt whose link the other side has made.
var errAdopted = errors.New("the other peer was first")

const (
	// incomingPatience is how long an attempt waits for the link of a call that came before
	// it called anybody itself.
	incomingPatience = time.Second
	// crossingWindow is how long an own handshake without a server, or a link that came of
	// one, keeps a handshake of the other process from being answered.
	crossingWindow = time.Second
)

// connect has one attempt for a goal at a time; who asks meanwhile shares it.
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

// existing returns a link that is up and meets a goal; one with the listener rather than
// with another process. The caller holds the mutex.
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

// begin starts an attempt, which outlives the caller that is first. The caller of begin
// holds the mutex.
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

// leave is called by a caller that waits no more. With the last one the attempt ends.
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

// finish ends an attempt, unless it has been adopted or left meanwhile: then nobody has
// the link.
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

// Of two peers that call each other at the same time only one gets its link, and both use
// it: that of the smaller GUID, unless it has called nobody yet. A call that is made
// for a link of its own is let alone, and so is one from another process than was called.

// crossed reports whether a handshake that a peer begins crosses one of our own that
// stands. It is not answered: its sender gets our link.
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
	for l := range p.links { // ours is up already, and the other side is about to find it
		if l.remote.guid == remote && l.remote.instance == g.instance && l.initiator && !l.exclusive &&
			l.alive() && time.Since(l.began) < crossingWindow {
			return true
		}
	}
	return false
}

// calledIt tells whether an attempt had the server call a process.
func calledIt(instance uint64) func(*attempt) bool {
	return func(a *attempt) bool { return slices.Contains(a.called, instance) }
}

// dialsNow tells whether an attempt has a handshake without the server under way.
func dialsNow(a *attempt) bool { return !a.dialed.IsZero() && time.Since(a.dialed) < crossingWindow }

// expect has the attempts that called nobody yet wait for the link of a call.
func (p *Peer) expectLink(remote GUID, g greeting) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for goal, a := range p.attempts {
		if goal.guid == remote && goal.require == RequireAny && !g.exclusive && goal.metByProcess(g.listening, g.takes) {
			a.coming = true
		}
	}
}

// beforeCall notes that an attempt calls a process from now on, and beforeDial that it begins a handshake
// without the server. If the other peer's call came first, they wait for that link before.
func (p *Peer) beforeCall(ctx context.Context, a *attempt, instance uint64) error {
	return p.yieldThen(ctx, a, func() { a.called = append(a.called, instance) })
}

func (p *Peer) beforeDial(ctx context.Context, a *attempt) error {
	return p.yieldThen(ctx, a, func() { a.dialed = time.Now() })
}

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

// adopt gives a link that the other side made to whoever waits for one that it meets.
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
