package p2p

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"p2ptool/p2p/link"
	"p2ptool/p2p/noise"
	"p2ptool/p2p/path"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/client"
)

// responderDelay is how long the called peer sends openers only. It exceeds the time that its answer needs to arrive, so
// that its probes do not reach the caller's NAT before the caller's own probes have left.
const responderDelay = 250 * time.Millisecond

// ConnectOptions say which link to a peer Connect is to return. The zero value allows any.
type ConnectOptions struct {
	// Require restricts the paths of the link.
	Require Require

	// Kind is the kind of streams that the peer's process has to accept; empty: that of any. Where several processes
	// share a key, the one that receives calls may not.
	Kind string

	// Addr is where the peer answers, "host:port": no server is asked. A host name is looked up, and each
	// of its addresses tried. Empty: the peer is found through the server, or on the local network where
	// PeerOptions.LAN is set.
	Addr string
}

// Connect returns a link to a peer: an existing one that meets the options, or a new one. It waits until the link has a
// path, and leaves all other links as they are. The error is ErrOwnGUID, ErrClosed, ctx's, or wraps ErrOffline,
// ErrRefused, ErrNoPath, ErrNoServer, ErrNotServing, ErrServerKey or ErrVersion.
func (p *Peer) Connect(ctx context.Context, guid GUID, o ConnectOptions) (*Link, error) {
	g := goal{guid: guid, require: o.Require, kind: o.Kind, addr: o.Addr}
	return p.connect(ctx, g, func(ctx context.Context, a *attempt) (*Link, error) {
		if g.addr != "" {
			return p.callAt(ctx, g, a)
		}
		return p.call(ctx, g, a)
	})
}

// unansweredAfter is how long a process may take to answer a call before the next process is called, too.
const unansweredAfter = 2 * time.Second

// goodbyes is how often, within half a second, the server is asked for another process when the one that was found has
// ended.
const goodbyes = 5

// callThroughServer makes a link through an introduction to the process that receives the peer's calls, or to the next
// one if that does not answer.
func (p *Peer) callThroughServer(ctx context.Context, g goal, a *attempt) (*Link, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan answered, 1)
	var called []uint64
	var gone error // error of a call to a process that may have ended since it was found
	for waits, again := 0, 0; ; {
		found, err := p.lookup(ctx, g)
		p.logServer("lookup", "peer", g.guid, "kind", g.kind, "process", found.Instance, "error", err)
		another := err == nil && !slices.Contains(called, found.Instance)
		switch {
		case another || waits > 0:
		case gone != nil && (err != nil || again == goodbyes):
			return nil, gone
		case err != nil:
			return nil, err
		}
		if another && found.Version != p.opts.version {
			return nil, p.incompatible(ctx, g, found)
		}
		if another {
			if err := p.beforeCall(ctx, a, found.Instance); err != nil {
				return nil, err
			}
			called, waits = append(called, found.Instance), waits+1
			p.spawn(func() { p.introduce(ctx, g, found, answers) })
		}
		wait := unansweredAfter
		if waits == 0 { // the server may not know yet that the process has ended
			wait, again = unansweredAfter/goodbyes/4, again+1
		}
		next := time.NewTimer(wait)
		select {
		case r := <-answers:
			next.Stop()
			waits--
			l, err := p.linkTo(ctx, g, r)
			if err == nil || !errors.Is(err, ErrOffline) && (waits == 0 || r.err == nil) {
				return l, err
			}
			gone = err
		case <-next.C:
		case <-ctx.Done():
			next.Stop()
			return nil, context.Cause(ctx)
		}
	}
}

// lookup asks the server for the process to call.
func (p *Peer) lookup(ctx context.Context, g goal) (client.Found, error) {
	if err := p.Registered(ctx); err != nil {
		return client.Found{}, err
	}
	found, err := p.client.Lookup(ctx, g.guid, kindBit(g.kind))
	if errors.Is(err, client.ErrNotFound) && g.kind != "" {
		any, err := p.client.Lookup(ctx, g.guid, 0)
		if err == nil && any.Version != p.opts.version {
			return any, nil
		}
		if err == nil {
			return found, fmt.Errorf("%w: it does not accept %q now", ErrRefused, g.kind)
		}
	}
	if err != nil {
		return found, p.serverError(ctx, err)
	}
	return found, nil
}

// incompatiblePatience is how long to wait until a peer with another version refuses a call.
const incompatiblePatience = time.Second

// incompatible calls a process of another version although it cannot accept, so that its user learns of the mismatch,
// too. It returns the error for our side.
func (p *Peer) incompatible(ctx context.Context, g goal, found client.Found) error {
	ctx, cancel := context.WithTimeout(ctx, incompatiblePatience)
	defer cancel()
	_, _ = p.client.Introduce(ctx, client.Introduction{ // it can only be refused
		GUID: g.guid, Instance: found.Instance, Version: p.opts.version, What: rendezvous.WhatNewLink,
	})
	return &VersionError{Theirs: found.Version, Ours: p.opts.version}
}

// An answered is the result of an introduction.
type answered struct {
	mine   greeting
	state  *noise.Initiator
	answer client.Introduced
	err    error
}

// introduce asks the server to call one process, and sends the result to a channel.
func (p *Peer) introduce(ctx context.Context, g goal, found client.Found, to chan<- answered) {
	r := answered{mine: p.greeting(p.newIndex())}
	r.mine.exclusive = g.require != RequireAny
	var msg []byte
	r.state, msg, r.err = noise.Initiate(p.opts.Key, found.Key, p.linkPrologue(), r.mine.append(nil))
	if r.err == nil {
		r.answer, r.err = p.client.Introduce(ctx, client.Introduction{
			GUID: g.guid, Instance: found.Instance, Version: p.opts.version, What: rendezvous.WhatNewLink, Data: msg,
		})
		p.logServer("introduction", "peer", g.guid, "process", found.Instance, "observed", r.answer.Observed, "relayed", r.answer.Channel != 0, "error", r.err)
		if r.err != nil {
			r.err = p.introduceError(ctx, r.err)
		}
	}
	select {
	case to <- r:
	case <-ctx.Done():
	}
}

// linkTo makes a link from the result of an introduction. It returns ErrOffline if the process has ended meanwhile.
func (p *Peer) linkTo(ctx context.Context, g goal, r answered) (*Link, error) {
	if r.err != nil {
		return nil, r.err
	}
	payload, secrets, err := r.state.Finish(r.answer.Data)
	if err != nil {
		return nil, fmt.Errorf("the answer that the server gave for %v: %w", g.guid, err)
	}
	theirs, err := parseGreeting(payload)
	if err != nil {
		return nil, err
	}
	l := p.newLink(g.require, true, secrets, g.guid, r.mine, theirs)
	p.addPaths(l, r.answer.Observed, r.answer.Channel, theirs.candidates, 0)
	l, err = p.bringUp(ctx, l)
	if c := (*CloseError)(nil); errors.As(err, &c) && c.Remote && c.Code == CodeDone {
		err = fmt.Errorf("%w: its process has just ended", ErrOffline)
	}
	return l, err
}

// introduceError distinguishes a server that does not answer from a peer that does not.
func (p *Peer) introduceError(ctx context.Context, err error) error {
	if errors.Is(err, client.ErrUnanswered) && p.client.State() == client.Registered {
		return fmt.Errorf("%w: it does not answer the server", ErrOffline)
	}
	return p.serverError(ctx, err)
}

func (p *Peer) linkPrologue() string {
	return rendezvous.Prologue(p.opts.version, rendezvous.PurposeLink)
}

// addPaths adds the relay channel and the candidates of an introduction to a link. Probes begin after the delay.
func (p *Peer) addPaths(l *Link, observed netip.AddrPort, channel uint64, cs []path.Candidate, delay time.Duration) {
	if channel != 0 {
		if r, ok := p.route(p.client.ServerAddr()); ok {
			r.Channel = channel
			l.inner.AddRelay(r)
			p.relays.set(channel, l)
		}
	}
	l.mu.Lock()
	l.observed.addr, l.observed.at = observed, time.Now()
	l.mu.Unlock()
	l.inner.AddCandidates(observed, cs, delay)
}

// bringUp waits until a link has a path, and starts it; it closes the link if there is none.
func (p *Peer) bringUp(ctx context.Context, l *Link) (*Link, error) {
	if err := l.ready(ctx); err != nil {
		p.spawn(func() { l.CloseWith(CodeDone, "") })
		return nil, err
	}
	l.start()
	return l, nil
}

// route returns the route to an address; ok is false if there is no socket for it.
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
