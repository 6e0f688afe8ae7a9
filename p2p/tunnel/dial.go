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

// A Dialer opens streams to servers and adds them to its hub.
type Dialer struct {
	Hub *Hub

	// Dial makes a TCP connection to host:port; nil: the system does.
	Dial func(ctx context.Context, network, hostport string) (net.Conn, error)

	// Proxy returns the proxy for a request to https://host:port, as that of http.Transport does; nil: no proxy.
	Proxy func(*http.Request) (*url.URL, error)
}

// Open opens a stream to a server and returns its address. An older stream to the same address is closed. The
// server is not authenticated: that is up to what the stream carries. With small, TCP segments are small from
// the start; otherwise only if larger ones are lost during the handshake.
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

// clientTLS accepts any certificate: see the package comment.
func clientTLS(host string) *tls.Config {
	return &tls.Config{
		ServerName: host, NextProtos: []string{ALPN}, MinVersion: tls.VersionTLS13,
		InsecureSkipVerify: true,
	}
}

var errProtocol = errors.New("what answers speaks another protocol")

// greet does the TLS handshake of either side, and closes the connection if it fails.
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

// behindProxy returns an address for a server whose real one only the proxy knows, within 100::/64 (RFC 6666),
// which nobody has.
func behindProxy(hostport string) netip.AddrPort {
	sum := sha256.Sum256([]byte(hostport))
	ip := [16]byte{0: 1}
	copy(ip[8:], sum[:])
	return netip.AddrPortFrom(netip.AddrFrom16(ip), 443)
}

// connect makes the TCP connection, through a proxy if there is one.
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
