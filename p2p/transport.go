package p2p

import (
	"net/netip"

	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/client"
	"p2ptool/p2p/tunnel"
	"p2ptool/p2p/udp"
)

// chooseTransport configures how the client may reach the server.
func (p *Peer) chooseTransport(c *client.Config) {
	o := p.opts
	_, system := o.Network.(udp.System)
	if o.Transport != TransportUDP && (system || o.DialTCP != nil) {
		c.Tunnel = &tunnel.Dialer{Hub: p.streams, Dial: o.DialTCP, Proxy: o.Proxy}
	}
	c.NoUDP = o.Transport == TransportTLS
}

// serverMoved moves the relayed paths of all links to the server's new address, after the transport changed.
func (p *Peer) serverMoved(from, to netip.AddrPort) {
	p.logServer("server is reached elsewhere", "from", from, "to", to)
	r, ok := p.route(to)
	if !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.sessions {
		l.MoveRelay(from, r)
	}
}

// handleStream handles datagrams from a TLS stream, whose other end is always the server.
func (p *Peer) handleStream(c udp.Conn, b udp.Batch) {
	b.Datagrams(func(d []byte) {
		b.Data, b.Size = d, len(d)
		switch d[0] {
		case rendezvous.TypeRelay:
			p.handleRelay(c, b)
		case rendezvous.TypeStale:
			p.handleStale(b)
		default:
			p.feedClient(b)
		}
	})
}
