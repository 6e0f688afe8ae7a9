package tunnel

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
)

// Accept makes a stream of a connection that a client has made to a server. ctx bounds the TLS handshake. On an
// error the connection is closed.
func (h *Hub) Accept(ctx context.Context, c net.Conn, addr netip.AddrPort, config *tls.Config) error {
	t := tls.Server(c, config)
	if err := greet(ctx, t); err != nil {
		return err
	}
	return h.Add(t, addr)
}
