package p2p

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"p2ptool/p2p/identity"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/handshake"
)

// callAt makes a link to a peer whose address is known.
func (p *Peer) callAt(ctx context.Context, g goal, a *attempt) (*Link, error) {
	addrs, err := resolve(ctx, g.addr)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, connectPatience, ErrNoPath)
	defer cancel()
	results := make(chan dialed, len(addrs))
	for _, addr := range addrs {
		p.spawn(func() {
			l, err := p.dial(ctx, g, a, addr)
			results <- dialed{l, err}
		})
	}
	l, err := p.firstOf(ctx, results)
	if err != nil {
		return nil, err
	}
	return p.bringUp(ctx, l)
}

// A dialed is the result of dialing one address.
type dialed struct {
	link *Link
	err  error
}

// firstOf returns the first link among the results, cap(results) in number, and closes the others. If there is none, it
// returns the last error.
func (p *Peer) firstOf(ctx context.Context, results chan dialed) (*Link, error) {
	err := ErrNoPath
	for left := cap(results) - 1; left >= 0; left-- {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case r := <-results:
			if r.err == nil {
				p.spawn(func() { closeAll(results, left) })
				return r.link, nil
			}
			err = r.err
		}
	}
	return nil, err
}

func closeAll(results chan dialed, n int) {
	for range n {
		if r := <-results; r.link != nil {
			r.link.CloseWith(CodeReplaced, "")
		}
	}
}

// dial makes a link to the peer at an address. It has a path, but is not up yet.
func (p *Peer) dial(ctx context.Context, g goal, a *attempt, addr netip.AddrPort) (*Link, error) {
	if err := p.beforeDial(ctx, a); err != nil {
		return nil, err
	}
	began := time.Now()
	mine, s, theirs, err := p.meet(ctx, g.guid, addr, g.require != RequireAny)
	if err != nil {
		return nil, err
	}
	roundTrip := time.Since(began) / 2 // a handshake takes two
	l := p.newLink(g.require, true, s.Secrets, g.guid, mine, theirs)
	l.inner.AddCandidates(netip.AddrPort{}, theirs.candidates, 0)
	if r, ok := p.route(addr); ok {
		l.inner.AddProven(r, roundTrip, s.Observed.Addr())
	}
	return l, nil
}

// meet performs a handshake with the peer at an address. It returns the greetings of both ends and the session's keys.
func (p *Peer) meet(ctx context.Context, guid GUID, addr netip.AddrPort, exclusive bool) (mine greeting, s handshake.Session, g greeting, err error) {
	if _, ok := p.route(addr); !ok {
		return mine, s, g, fmt.Errorf("%w: no socket for %v", ErrNoPath, addr)
	}
	mine = p.greeting(p.newIndex())
	mine.exclusive = exclusive
	d := handshake.NewDial(handshake.DialConfig{
		Key: p.opts.Key, Remote: addr, Purpose: rendezvous.PurposeLink, Version: p.opts.version, Index: mine.index,
		Payload: func() []byte { return mine.append(nil) },
		Check: func(k identity.PublicKey) error {
			if k.GUID() != guid {
				return fmt.Errorf("%w: another peer answers at %v: %v", ErrOffline, addr, k.GUID())
			}
			return nil
		},
		Send: func(b []byte) { p.sendTo(addr, b) },
	})
	p.mu.Lock()
	p.dials[mine.index] = d
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.dials, mine.index)
		p.mu.Unlock()
	}()
	if s, err = d.Run(ctx); err == nil {
		g, err = parseGreeting(s.Payload)
	}
	return mine, s, g, err
}

// resolve returns the addresses of host:port.
func resolve(ctx context.Context, hostport string) ([]netip.AddrPort, error) {
	if a, err := netip.ParseAddrPort(hostport); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(a.Addr().Unmap(), a.Port())}, nil
	}
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, fmt.Errorf("%q is not host:port", hostport)
	}
	n, err := net.DefaultResolver.LookupPort(ctx, "udp", port)
	if err != nil {
		return nil, fmt.Errorf("%q: %q is not a port", hostport, port)
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("%w: looking up %q: %w", ErrNoPath, host, err)
	}
	out := make([]netip.AddrPort, len(ips))
	for i, ip := range ips {
		out[i] = netip.AddrPortFrom(ip.Unmap(), uint16(n))
	}
	return out, nil
}
