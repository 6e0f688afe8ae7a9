package p2p

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"p2ptool/p2p/link"
	"p2ptool/p2p/noise"
	"p2ptool/p2p/punch"
	"p2ptool/p2p/rendezvous"
)

// responderDelay is for how long the peer that is called sends nothing but
// openers: longer than its answer needs to get through, so that its probes do
// not arrive at the caller's NAT before the caller's own have left.
const responderDelay = 250 * time.Millisecond

// An attempt is a Connect under way.
type attempt struct {
	introduced bool // the other peer may have been called
	cancel     context.CancelCauseFunc
	done       chan struct{}
	link       *Link
	err        error
}

// errAdopted ends an attempt whose link the other side has made.
var errAdopted = errors.New("the other peer was first")

// Connect gives a link to a peer: the one that is up, or a new one, found and
// made through the server, or on the local network where PeerOptions.LAN is
// set. Under WithRequire(ctx, …) only some paths will do.
// It returns ErrOwnGUID, ErrOffline, ErrRefused, ErrNoPath, ErrNoServer,
// ErrNotServing, an error that wraps ErrServerKey, or that of ctx.
func (p *Peer) Connect(ctx context.Context, guid GUID) (*Link, error) {
	return p.connect(ctx, guid, p.call)
}

// ConnectAddr gives a link to a peer that answers at hostport, without a
// server. A host name is looked up, and each of its addresses tried.
func (p *Peer) ConnectAddr(ctx context.Context, guid GUID, hostport string) (*Link, error) {
	return p.connect(ctx, guid, func(ctx context.Context, guid GUID, _ *attempt) (*Link, error) {
		return p.callAt(ctx, guid, hostport)
	})
}

// connect has one attempt for a GUID at a time; who asks meanwhile shares it.
func (p *Peer) connect(ctx context.Context, guid GUID, call func(context.Context, GUID, *attempt) (*Link, error)) (*Link, error) {
	if guid == p.guid {
		return nil, ErrOwnGUID
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	if l := p.existing(ctx, guid); l != nil {
		p.mu.Unlock()
		return l, nil
	}
	a := p.attempts[guid]
	if a == nil {
		a = p.begin(ctx, guid, call)
	}
	p.mu.Unlock()
	select {
	case <-a.done:
		return a.link, a.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// existing returns a link that is up and whose path is one that ctx allows.
func (p *Peer) existing(ctx context.Context, guid GUID) *Link {
	for l := range p.links {
		if ok := allow(ctx); l.remote == guid && l.alive() && ok(l.Path().Kind.Relayed()) {
			return l
		}
	}
	return nil
}

// begin starts an attempt. The caller holds the mutex.
func (p *Peer) begin(ctx context.Context, guid GUID, call func(context.Context, GUID, *attempt) (*Link, error)) *attempt {
	ctx, cancel := context.WithCancelCause(ctx)
	a := &attempt{cancel: cancel, done: make(chan struct{})}
	p.attempts[guid] = a
	stop := context.AfterFunc(p.ctx, func() { cancel(ErrClosed) })
	p.wg.Go(func() {
		defer stop()
		defer cancel(nil)
		l, err := call(ctx, guid, a)
		p.finish(guid, a, l, err)
	})
	return a
}

// finish ends an attempt, unless it has been adopted meanwhile.
func (p *Peer) finish(guid GUID, a *attempt, l *Link, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.attempts[guid] != a {
		if l != nil {
			p.wg.Go(func() { l.CloseWith(CodeReplaced, "") })
		}
		return
	}
	delete(p.attempts, guid)
	a.link, a.err = l, err
	close(a.done)
}

// callThroughServer makes a link by an introduction.
func (p *Peer) callThroughServer(ctx context.Context, guid GUID, a *attempt) (*Link, error) {
	if err := p.Registered(ctx); err != nil {
		return nil, err
	}
	found, err := p.client.Lookup(ctx, guid, 0)
	if err != nil {
		return nil, p.serverError(ctx, err)
	}
	if found.Version < rendezvous.Version {
		return nil, fmt.Errorf("%w: the peer speaks version %d", rendezvous.ErrVersion, found.Version)
	}
	p.mu.Lock()
	a.introduced = true
	p.mu.Unlock()
	mine := p.greeting(p.newIndex())
	state, msg, err := noise.Initiate(p.opts.Key, found.Key, linkPrologue(), mine.append(nil))
	if err != nil {
		return nil, err
	}
	answer, err := p.client.Introduce(ctx, rendezvous.Introduction{
		GUID: guid, Instance: found.Instance, Version: rendezvous.Version, What: rendezvous.WhatNewLink, Data: msg,
	})
	if err != nil {
		return nil, p.introduceError(ctx, err)
	}
	payload, secrets, err := state.Finish(answer.Data)
	if err != nil {
		return nil, fmt.Errorf("the answer that the server gave for %v: %w", guid, err)
	}
	g, err := parseGreeting(payload)
	if err != nil {
		return nil, err
	}
	l := p.newLink(ctx, true, secrets, guid, mine, g)
	p.addPaths(l, answer.Observed, answer.Channel, g.candidates, 0)
	return p.bringUp(ctx, l)
}

// introduceError tells apart a server that does not answer and a peer that
// does not.
func (p *Peer) introduceError(ctx context.Context, err error) error {
	if errors.Is(err, rendezvous.ErrUnanswered) && p.client.State() == rendezvous.Registered {
		return fmt.Errorf("%w: it does not answer the server", ErrOffline)
	}
	return p.serverError(ctx, err)
}

func linkPrologue() string { return rendezvous.Prologue(rendezvous.Version, rendezvous.PurposeLink) }

// addPaths gives a link the ways that an introduction names.
func (p *Peer) addPaths(l *Link, observed netip.AddrPort, channel uint64, cs []punch.Candidate, delay time.Duration) {
	if channel != 0 {
		if r, ok := p.route(p.client.ServerAddr()); ok {
			r.Channel = channel
			l.inner.AddRelay(r)
		}
	}
	l.mu.Lock()
	l.observed, l.seen = observed, time.Now()
	l.mu.Unlock()
	l.inner.AddCandidates(observed, cs, delay)
}

// bringUp waits until a link has a path, and closes it if it gets none.
func (p *Peer) bringUp(ctx context.Context, l *Link) (*Link, error) {
	if err := l.ready(ctx); err != nil {
		p.spawn(func() { l.CloseWith(CodeDone, "") })
		return nil, err
	}
	l.start()
	return l, nil
}

// route makes the route to a peer's address.
func (p *Peer) route(a netip.AddrPort) (link.Route, bool) {
	c := p.connFor(a.Addr())
	return link.Route{Conn: c, Addr: a}, c != nil && a.IsValid()
}

func (p *Peer) hasLoopback() bool {
	for _, a := range p.hostAddrs() {
		if a.Addr().IsLoopback() {
			return true
		}
	}
	return false
}

// requireOf returns what WithRequire said.
func requireOf(ctx context.Context) Require {
	r, _ := ctx.Value(requireKey{}).(Require)
	return r
}

// allow turns that into a rule for paths.
func allow(ctx context.Context) func(relayed bool) bool {
	switch requireOf(ctx) {
	case RequireDirect:
		return func(relayed bool) bool { return !relayed }
	case RequireRelay:
		return func(relayed bool) bool { return relayed }
	}
	return func(bool) bool { return true }
}
