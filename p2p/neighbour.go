package p2p

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// A Discovery finds peers on the local network. Package lan implements it with multicast DNS.
type Discovery interface {
	// Respond answers queries for guid with the ports on which it listens, until ctx ends. It calls ports for each
	// answer, from any goroutine; 0 means that the peer does not listen on that address family. The error says why
	// Respond cannot answer.
	Respond(ctx context.Context, guid GUID, ports func() (v4, v6 uint16)) error

	// Find calls found, never concurrently, with a few addresses at which guid may be. It returns when ctx ends or the
	// search is over. Link-local IPv6 addresses have a zone.
	Find(ctx context.Context, guid GUID, found func(netip.AddrPort)) error
}

const (
	// serverHeadStart is for how long the server alone is waited for: a link that
	// it has introduced can be introduced anew when all its paths are gone.
	serverHeadStart = 500 * time.Millisecond
	lanPatience     = 3 * time.Second // for a neighbour's answer, without a server
	lanAfterServer  = time.Second     // the same where a server does not know the peer
	lanHandshake    = 2 * time.Second // for the handshake with it

	lanSpare = 300 * time.Millisecond // for a listener, where another process of the peer answers
)

// respond lets neighbours find this peer, if it takes calls.
func (p *Peer) respond() {
	if p.opts.LAN == nil || p.opts.Calling {
		return
	}
	p.spawn(func() { _ = p.opts.LAN.Respond(p.ctx, p.guid, p.ports) }) // neighbours have the server then
}

// ports returns the port of the socket of either family, 0 if there is none.
func (p *Peer) ports() (v4, v6 uint16) {
	for _, c := range p.conns {
		if a := c.LocalAddr(); a.Addr().Is4() {
			v4 = a.Port()
		} else {
			v6 = a.Port()
		}
	}
	return v4, v6
}

// call gives a link to a peer: through the server, or, where that does not
// answer or does not know the peer, to a neighbour that does.
func (p *Peer) call(ctx context.Context, g goal, a *attempt) (*Link, error) {
	if p.opts.LAN == nil || g.require == RequireRelay {
		return p.callThroughServer(ctx, g, a)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := search{p: p, goal: g, attempt: a, began: time.Now(), found: p.find(ctx, g.guid)}
	registered := make(chan error, 1)
	p.spawn(func() { registered <- p.Registered(ctx) })
	err := s.firstServer(ctx, registered)
	if err == nil {
		var l *Link
		if l, err = p.callThroughServer(ctx, g, a); err == nil {
			return l, nil
		}
	}
	switch {
	case errors.Is(err, errFound), errors.Is(err, ErrOffline), errors.Is(err, ErrNoServer), errors.Is(err, ErrNotServing):
		return s.neighbours(ctx, err)
	}
	return nil, err
}

// find looks for a peer and gives its addresses as they come.
func (p *Peer) find(ctx context.Context, guid GUID) <-chan netip.AddrPort {
	found := make(chan netip.AddrPort)
	p.spawn(func() {
		_ = p.opts.LAN.Find(ctx, guid, func(a netip.AddrPort) { // without one the server is left
			select {
			case found <- a:
			case <-ctx.Done():
			}
		})
	})
	return found
}

// A search is for a neighbour.
type search struct {
	p       *Peer
	goal    goal
	attempt *attempt
	began   time.Time
	found   <-chan netip.AddrPort
	first   netip.AddrPort // came while the server was waited for
}

// errFound says that a neighbour answered while the server did not.
var errFound = errors.New("a neighbour answers")

// firstServer waits for the server. It returns errFound if a neighbour has
// answered and the server's head start is over.
func (s *search) firstServer(ctx context.Context, registered <-chan error) error {
	over := time.After(serverHeadStart)
	found, passed := s.found, false
	for {
		select {
		case err := <-registered:
			return err
		case s.first = <-found:
			found = nil
		case <-over:
			passed = true
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if passed && s.first.IsValid() {
			return errFound
		}
	}
}

// neighbours tries the addresses that are found, one after the other. Without
// any that will do the error is that of the server.
func (s *search) neighbours(ctx context.Context, failed error) (*Link, error) {
	patience := lanAfterServer
	if errors.Is(failed, ErrNotServing) || failed == errFound {
		failed, patience = fmt.Errorf("%w on this network", ErrOffline), lanPatience
	}
	over := time.After(patience - time.Since(s.began))
	var enough <-chan time.Time // a listener was waited for
	var spare *Link             // with a process that is none
	defer func() {
		if spare != nil {
			s.p.spawn(func() { spare.CloseWith(CodeReplaced, "") })
		}
	}()
	for {
		addr := s.first
		if s.first = (netip.AddrPort{}); !addr.IsValid() {
			select {
			case addr = <-s.found:
			case <-enough:
				l := spare
				spare = nil
				return s.p.bringUp(ctx, l)
			case <-over:
				return nil, failed
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}
		l, err := s.dial(ctx, addr)
		switch {
		case err == nil && (l.remote.listening || s.goal.kind != ""):
			return s.p.bringUp(ctx, l)
		case err == nil && spare == nil:
			spare, enough, over = l, time.After(lanSpare), nil
		case err == nil:
			s.p.spawn(func() { l.CloseWith(CodeReplaced, "") })
		case errors.Is(err, ErrRefused), errors.Is(err, ErrVersion):
			failed = err // it is there
		}
	}
}

// dial has the handshake with a neighbour, and checks that it takes what is wanted.
func (s *search) dial(ctx context.Context, addr netip.AddrPort) (*Link, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lanHandshake, ErrNoPath)
	defer cancel()
	l, err := s.p.dial(ctx, s.goal, s.attempt, addr)
	if err == nil && s.goal.kind != "" && !l.Takes(s.goal.kind) {
		s.p.spawn(func() { l.CloseWith(CodeReplaced, "") })
		return nil, fmt.Errorf("%w: it does not accept %q now", ErrRefused, s.goal.kind)
	}
	return l, err
}
