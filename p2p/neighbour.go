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
	// serverHeadStart is how long to wait for the server before a neighbour is called: only links that the server
	// introduced can be reintroduced when all paths are lost.
	serverHeadStart = 500 * time.Millisecond
	lanPatience     = 3 * time.Second // for a neighbour's answer, without a server
	lanAfterServer  = time.Second     // the same, if the server does not know the peer
	lanHandshake    = 2 * time.Second // for the handshake with it

	lanSpare = 300 * time.Millisecond // for a process that listens, after another process of the peer answered
)

// respond lets neighbours find this peer, if it can be called.
func (p *Peer) respond() {
	if p.opts.LAN == nil || p.opts.Calling {
		return
	}
	p.spawn(func() { _ = p.opts.LAN.Respond(p.ctx, p.guid, p.ports) }) // if it fails, neighbours use the server
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

// call makes a link to a peer through the server or, if the server does not answer or does not know the peer, to a
// neighbour on the local network.
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

// find searches the local network for a peer and sends its addresses as they are found.
func (p *Peer) find(ctx context.Context, guid GUID) <-chan netip.AddrPort {
	found := make(chan netip.AddrPort)
	p.spawn(func() {
		_ = p.opts.LAN.Find(ctx, guid, func(a netip.AddrPort) { // if it fails, the server remains
			select {
			case found <- a:
			case <-ctx.Done():
			}
		})
	})
	return found
}

// A search looks for the peer of a goal on the local network.
type search struct {
	p       *Peer
	goal    goal
	attempt *attempt
	began   time.Time
	found   <-chan netip.AddrPort
	first   netip.AddrPort // found while waiting for the server
}

// errFound says that a neighbour answered while the server did not.
var errFound = errors.New("a neighbour answers")

// firstServer waits until the peer is registered. It returns errFound if a neighbour was found and the server's head
// start is over.
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

// neighbours tries the addresses that are found, one after the other. If none leads to a link, it returns the server's
// error.
func (s *search) neighbours(ctx context.Context, failed error) (*Link, error) {
	patience := lanAfterServer
	if errors.Is(failed, ErrNotServing) || failed == errFound {
		failed, patience = fmt.Errorf("%w on this network", ErrOffline), lanPatience
	}
	over := time.After(patience - time.Since(s.began))
	var enough <-chan time.Time // fires when the wait for a process that listens is over
	var spare *Link             // with a process that does not listen
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
			failed = err // the peer answered
		}
	}
}

// dial makes a link to a neighbour, and checks that its process accepts the kind of streams.
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
