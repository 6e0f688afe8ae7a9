package tunnel

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
)

// Accept makes a stream of a connection to a server that somebody has made. It makes the
// handshake of TLS, for which ctx is. Where it fails the connection is closed.
func (h *Hub) Accept(ctx context.Context, c net.Conn, addr netip.AddrPort, config *tls.Config) error {
	t := tls.Server(c, config)
	if err := greet(ctx, t); err != nil {
		return err
	}
	return h.Add(t, addr)
}
