package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"time"

	"p2ptool/p2p/identity"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/handshake"
)

const (
	// connectTimeout bounds one attempt at all addresses of the server.
	connectTimeout = 5 * time.Second
	// raceDelay is the head start of each address over the next.
	raceDelay = 100 * time.Millisecond

	firstBackoff = time.Second
	lastBackoff  = 30 * time.Second
	// waitedBackoff is the longest pause while a call of Registered waits.
	waitedBackoff = 3 * time.Second
	// refusedBackoff is the longest pause while the server's key or version is refused: the server answers, so an
	// attempt is cheap, and the operator may correct the mistake soon.
	refusedBackoff = 8 * time.Second
)

// run is the client's goroutine: it registers, keeps the session, and registers again when the session is lost.
func (c *Client) run() {
	defer close(c.done)
	defer c.cancel()
	backoff := firstBackoff
	c.setState(Registering, nil)
	for c.ctx.Err() == nil {
		s, servers, err := c.connect()
		if err == nil {
			backoff = firstBackoff
			c.accept()
			newKeeper(c, s, servers).run()
			continue
		}
		if refused(err) {
			c.refuse(err)
			backoff = min(backoff, refusedBackoff)
		}
		if c.waiting.Load() > 0 {
			backoff = min(backoff, waitedBackoff)
		}
		c.pause(backoff)
		backoff = min(2*backoff, lastBackoff)
	}
	c.setState(Gone, ErrClosed)
}

// refuse records that the server's key or version is refused. Registered returns the error if something waits,
// otherwise OnRefused is called.
func (c *Client) refuse(err error) {
	waited := c.waiting.Load() > 0
	c.setState(Unregistered, err)
	if !waited && !c.refusal && c.config.OnRefused != nil {
		c.config.OnRefused(err)
	}
	c.refusal = true
}

// accept records that a server with the right key and version answers.
func (c *Client) accept() {
	c.refusal = false
	if c.State() == Unregistered {
		c.setState(Registering, nil)
	}
}

// pause waits until RefreshNow, or for a random time around d, from half of it to one and a half, so that the
// peers of a restarted server do not all come at once.
func (c *Client) pause(d time.Duration) {
	timer := time.NewTimer(d/2 + rand.N(d))
	defer timer.Stop()
	select {
	case <-c.ctx.Done():
	case <-c.refresh:
	case <-timer.C:
	}
}

// connect makes a session with the first of the server's addresses that answers, or after a while over a stream.
// It also returns all UDP addresses.
func (c *Client) connect() (handshake.Session, []netip.AddrPort, error) {
	ctx, cancel := context.WithTimeout(c.ctx, connectTimeout)
	defer cancel()
	var servers []netip.AddrPort
	var err error
	if !c.config.NoUDP {
		servers, err = c.resolve(ctx)
		if err != nil {
			c.setReason(err)
		}
	}
	var tries []try[handshake.Session]
	for i, a := range servers {
		tries = append(tries, try[handshake.Session]{time.Duration(i) * raceDelay, func(ctx context.Context) (handshake.Session, error) {
			return c.dial(ctx, a)
		}})
	}
	if c.config.Tunnel != nil {
		tries = append(tries, try[handshake.Session]{c.streamDelay(len(servers) > 0), c.dialStream})
	}
	if len(tries) == 0 {
		return handshake.Session{}, nil, err
	}
	s, failed := race(ctx, tries, refused, func(handshake.Session) {})
	c.noteReason(failed, err)
	return s, servers, failed
}

// noteReason records why an attempt failed, if it did; resolving is the error of the name lookup.
func (c *Client) noteReason(failed, resolving error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case failed == nil:
		c.reason = nil
	case c.narrow:
		c.reason = handshake.ErrNarrow
	default:
		c.reason = resolving
	}
	c.narrow = false
}

// refused reports whether an error is that the server's key or version is refused.
func refused(err error) bool {
	key := (*KeyError)(nil)
	return errors.As(err, &key) || errors.Is(err, rendezvous.ErrVersion)
}

// dial makes a session at one address of the server.
func (c *Client) dial(ctx context.Context, server netip.AddrPort) (handshake.Session, error) {
	index := rand.Uint32()
	d := handshake.NewDial(handshake.DialConfig{
		Key: c.config.Key, Remote: server, Purpose: rendezvous.PurposeServer, Version: c.config.Version, Index: index,
		Payload: c.registration, Check: c.checkKey,
		Send: func(b []byte) { c.config.Send(server, b) },
	})
	c.mu.Lock()
	c.dials[index] = d
	c.mu.Unlock()
	s, err := d.Run(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.narrow = c.narrow || errors.Is(err, handshake.ErrNarrow)
	delete(c.dials, index)
	if err == nil && !c.hasIndex {
		c.index, c.hasIndex = index, true // of the first that succeeds
	} else if err == nil {
		err = errOutrun
	}
	return s, err
}

var errOutrun = errors.New("another address answered first")

func (c *Client) feedDials(from netip.AddrPort, b []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := false
	for _, d := range c.dials {
		taken = d.HandleDatagram(from, b) || taken
	}
	return taken
}

func (c *Client) registration() []byte {
	r := rendezvous.Registration{Instance: c.config.Instance, Version: c.config.LinkVersion, Name: c.config.Name, Takes: c.config.Takes}
	// A replaced process does not claim the place again while the other process is there: the two would replace each
	// other forever.
	switch {
	case c.config.Listening && c.replaced:
		r.Flags |= rendezvous.FlagStandby
	case c.config.Listening:
		r.Flags |= rendezvous.FlagListening
	case c.config.Fallback:
		r.Flags |= rendezvous.FlagFallback
	}
	if c.config.Listed {
		r.Flags |= rendezvous.FlagListed
	}
	return r.Append(nil)
}

func (c *Client) checkKey(k identity.PublicKey) error {
	if c.config.CheckKey == nil {
		return nil
	}
	if err := c.config.CheckKey(k); err != nil {
		return &KeyError{err}
	}
	return nil
}

// resolve returns the server's addresses, IPv4 first, since the server has to see this host's IPv4 NAT.
func (c *Client) resolve(ctx context.Context) ([]netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(c.config.Server)
	if err != nil {
		return nil, fmt.Errorf("server %q is not host:port", c.config.Server)
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil || port == 0 {
		return nil, fmt.Errorf("server %q has no port from 1 to 65535", c.config.Server)
	}
	addrs, err := c.lookupHost(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("looking up server %q: %w", c.config.Server, err)
	}
	var v4, v6 []netip.AddrPort
	for _, a := range addrs {
		if a = a.Unmap(); a.Is4() {
			v4 = append(v4, netip.AddrPortFrom(a, uint16(port)))
		} else {
			v6 = append(v6, netip.AddrPortFrom(a, uint16(port)))
		}
	}
	return interleave(v4, v6), nil
}

func (c *Client) lookupHost(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	if c.config.Resolve != nil {
		return c.config.Resolve(ctx, host)
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// maxServers bounds the addresses that are tried at a time.
const maxServers = 8

func interleave(a, b []netip.AddrPort) (all []netip.AddrPort) {
	for i := range max(len(a), len(b)) {
		if i < len(a) {
			all = append(all, a[i])
		}
		if i < len(b) {
			all = append(all, b[i])
		}
	}
	return all[:min(len(all), maxServers)]
}
