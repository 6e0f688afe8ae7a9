package tunnel

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
)

// ALPN is the application protocol of the streams.
const ALPN = "p2ptool"

// A Dialer makes streams to servers, in its hub.
type Dialer struct {
	Hub *Hub

	// Dial makes a TCP connection to host:port; nil: the system does.
	Dial func(ctx context.Context, network, hostport string) (net.Conn, error)

	// Proxy tells the proxy for a request to https://host:port, as that of
	// http.Transport does; nil: there is none.
	Proxy func(*http.Request) (*url.URL, error)
}

// Open makes a stream to a server and returns its address. A stream that was open to the
// same address is closed. Who answers there is for what goes through the stream to
// find out. With small, segments of TCP are small from the start; else only where larger ones
// turn out to be lost during the handshake.
func (d *Dialer) Open(ctx context.Context, hostport string, small bool) (netip.AddrPort, error) {
	if _, _, err := net.SplitHostPort(hostport); err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q is not host:port", hostport)
	}
	g := d.greetEither(ctx, hostport, small)
	if g.err != nil {
		return netip.AddrPort{}, g.err
	}
	addr := behindProxy(hostport)
	if !g.proxied {
		var err error
		if addr, err = netip.ParseAddrPort(g.conn.RemoteAddr().String()); err != nil {
			closeNow(g.conn)
			return netip.AddrPort{}, err
		}
	}
	addr = Mark(addr)
	return addr, d.Hub.Add(g.conn, addr)
}

// clientTLS trusts any certificate: see the package's comment.
func clientTLS(host string) *tls.Config {
	return &tls.Config{
		ServerName: host, NextProtos: []string{ALPN}, MinVersion: tls.VersionTLS13,
		InsecureSkipVerify: true,
	}
}

var errProtocol = errors.New("what answers speaks another protocol")

// greet makes the TLS handshake, of either side, and closes the connection if that fails.
func greet(ctx context.Context, t *tls.Conn) error {
	err := t.HandshakeContext(ctx)
	if err == nil && t.ConnectionState().NegotiatedProtocol != ALPN {
		err = errProtocol
	}
	if err != nil {
		closeNow(t)
	}
	return err
}

// behindProxy names a server whose address only the proxy knows: one that nobody has, within
// 100::/64 (RFC 6666).
func behindProxy(hostport string) netip.AddrPort {
	sum := sha256.Sum256([]byte(hostport))
	ip := [16]byte{0: 1}
	copy(ip[8:], sum[:])
	return netip.AddrPortFrom(netip.AddrFrom16(ip), 443)
}

// connect makes the TCP connection, through a proxy if there is one for it.
func (d *Dialer) connect(ctx context.Context, hostport string, small bool) (c net.Conn, proxied bool, err error) {
	dial := d.Dial
	if dial == nil {
		var system net.Dialer
		if small {
			system.Control = smallSegments
		}
		dial = system.DialContext
	}
	if d.Proxy != nil {
		target := &http.Request{URL: &url.URL{Scheme: "https", Host: hostport}}
		proxy, err := d.Proxy(target)
		if err != nil {
			return nil, false, fmt.Errorf("proxy: %w", err)
		}
		if proxy != nil {
			c, err := throughProxy(ctx, dialFunc(dial), proxy, hostport)
			return c, true, err
		}
	}
	c, err = dial(ctx, "tcp", hostport)
	return c, false, err
}
