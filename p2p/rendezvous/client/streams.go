package client

import (
	"context"
	"net"
	"net/netip"
	"time"

	"p2ptool/p2p/rendezvous/handshake"
	"p2ptool/p2p/tunnel"
)

const (
	// streamDelay is the head start of UDP: enough to retransmit a lost HELLO twice.
	streamDelay = 1500 * time.Millisecond
	// streamHurry is the head start if the last session was by a stream.
	streamHurry = 250 * time.Millisecond
	// webPort is the port that firewalls most likely allow; the server's own port has a head start of webDelay over
	// it.
	webPort  = "443"
	webDelay = 250 * time.Millisecond
)

// streamDelay returns how long to wait before streams are tried.
func (c *Client) streamDelay(udp bool) time.Duration {
	switch {
	case !udp:
		return 0
	case tunnel.Marked(c.last.Addr()):
		return streamHurry
	}
	return streamDelay
}

// dialStream makes a session over a stream.
func (c *Client) dialStream(ctx context.Context) (handshake.Session, error) {
	addr, err := c.openStream(ctx, false)
	if err != nil {
		return handshake.Session{}, err
	}
	s, err := c.dial(ctx, addr)
	if err != nil {
		c.config.Tunnel.Hub.Remove(addr)
	}
	return s, err
}

// openStream opens a stream to the server, at the port that it has for UDP or at 443. With small its TCP
// segments are small.
func (c *Client) openStream(ctx context.Context, small bool) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(c.config.Server)
	if err != nil {
		return netip.AddrPort{}, err
	}
	at := func(port string) func(context.Context) (netip.AddrPort, error) {
		return func(ctx context.Context) (netip.AddrPort, error) {
			return c.config.Tunnel.Open(ctx, net.JoinHostPort(host, port), small)
		}
	}
	tries := []try[netip.AddrPort]{{0, at(port)}}
	if port != webPort {
		tries = append(tries, try[netip.AddrPort]{webDelay, at(webPort)})
	}
	return race(ctx, tries, func(error) bool { return false }, c.config.Tunnel.Hub.Remove)
}
