package rendezvous

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"p2ptool/p2p/identity"
)

const (
	// connectTimeout bounds one attempt over all addresses of the server.
	connectTimeout = 4 * time.Second
	// raceDelay is the start that each address has over the next.
	raceDelay = 100 * time.Millisecond

	firstBackoff = time.Second
	lastBackoff  = 30 * time.Second
)

// run is the client's goroutine: it registers, keeps the session, and
// registers again when the session is lost.
func (c *Client) run() {
	defer close(c.done)
	defer c.cancel()
	backoff := firstBackoff
	c.setState(Registering, nil)
	for c.ctx.Err() == nil {
		s, servers, err := c.connect()
		if err == nil {
			backoff = firstBackoff
			newKeeper(c, s, servers).run()
			continue
		}
		if key := (*KeyError)(nil); errors.As(err, &key) {
			c.setState(Unregistered, err)
			close(c.refused)
			<-c.ctx.Done()
			break
		}
		c.pause(backoff)
		backoff = min(2*backoff, lastBackoff)
	}
	c.setState(Gone, ErrClosed)
}

// pause waits for about d, or until RefreshNow: half of it to one and a half,
// so that the peers of a server that comes back do not come all at once.
func (c *Client) pause(d time.Duration) {
	timer := time.NewTimer(d/2 + rand.N(d))
	defer timer.Stop()
	select {
	case <-c.ctx.Done():
	case <-c.refresh:
	case <-timer.C:
	}
}

// connect makes a session with the first of the server's addresses that
// answers, as Happy Eyeballs (RFC 8305) does. It returns all the addresses too.
func (c *Client) connect() (Session, []netip.AddrPort, error) {
	ctx, cancel := context.WithTimeout(c.ctx, connectTimeout)
	defer cancel()
	servers, err := c.resolve(ctx)
	if err != nil {
		return Session{}, nil, err
	}
	type result struct {
		s   Session
		err error
	}
	results := make(chan result, len(servers))
	var dials sync.WaitGroup
	defer dials.Wait()
	defer cancel()
	for i, a := range servers {
		dials.Go(func() {
			s, err := c.dial(ctx, a, time.Duration(i)*raceDelay)
			results <- result{s, err}
		})
	}
	for range servers {
		r := <-results
		if key := (*KeyError)(nil); r.err == nil || errors.As(r.err, &key) {
			return r.s, servers, r.err
		}
		err = r.err
	}
	return Session{}, nil, err
}

// dial makes a session with one address of the server, after a delay.
func (c *Client) dial(ctx context.Context, server netip.AddrPort, delay time.Duration) (Session, error) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return Session{}, ctx.Err()
	case <-timer.C:
	}
	index := rand.Uint32()
	d := NewDial(DialConfig{
		Key: c.config.Key, Remote: server, Purpose: PurposeServer, Index: index,
		Payload: c.registration, Check: c.checkKey,
		Send: func(b []byte) { c.config.Send(server, b) },
	})
	c.mu.Lock()
	c.dials[index] = d
	c.mu.Unlock()
	s, err := d.Run(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
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

func (c *Client) registration(byte) []byte {
	r := registration{instance: c.config.Instance, version: Version, name: c.config.Name}
	// A process that was replaced does not take the place back: the two would
	// oust each other for ever.
	if c.config.Listening && !c.replaced {
		r.flags |= flagListening
	}
	if c.config.Listed {
		r.flags |= flagListed
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

// resolve returns the server's addresses, IPv4 first: it is there that the
// server's view of a NAT is of use.
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

// maxServers bounds the addresses that are tried at once.
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
