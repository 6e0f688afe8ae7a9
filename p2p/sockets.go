package p2p

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"p2ptool/p2p/link"
	"p2ptool/p2p/noise"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/tunnel"
	"p2ptool/p2p/udp"
)

// listen opens a socket for each address family at "host:port", or one only if host is an IP address. IPv6 uses the same
// port as IPv4 if it is free.
func listen(n udp.Network, addr string) ([]udp.Conn, error) {
	host, port, err := splitListen(addr)
	if err != nil {
		return nil, err
	}
	families := map[string]netip.Addr{"udp4": netip.IPv4Unspecified(), "udp6": netip.IPv6Unspecified()}
	if host.Is4() {
		families = map[string]netip.Addr{"udp4": host}
	} else if host.Is6() {
		families = map[string]netip.Addr{"udp6": host}
	}
	var conns []udp.Conn
	var errs []error
	for _, family := range []string{"udp4", "udp6"} {
		ip, ok := families[family]
		if !ok {
			continue
		}
		c, err := n.Listen(family, netip.AddrPortFrom(ip, port))
		if err != nil && port != 0 && len(conns) > 0 {
			c, err = n.Listen(family, netip.AddrPortFrom(ip, 0))
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		conns = append(conns, c)
		port = conns[0].LocalAddr().Port()
	}
	if len(conns) == 0 {
		return nil, fmt.Errorf("opening a socket at %q: %w", addr, errors.Join(errs...))
	}
	return conns, nil
}

func splitListen(addr string) (host netip.Addr, port uint16, err error) {
	if addr == "" {
		return netip.Addr{}, 0, nil
	}
	h, p, err := net.SplitHostPort(addr)
	if err != nil {
		return netip.Addr{}, 0, fmt.Errorf("%q is not host:port: %w", addr, err)
	}
	n, err := net.LookupPort("udp", p)
	if err != nil {
		return netip.Addr{}, 0, fmt.Errorf("%q: %q is not a port", addr, p)
	}
	if h != "" {
		if host, err = netip.ParseAddr(h); err != nil {
			return netip.Addr{}, 0, fmt.Errorf("%q: %q is not an IP address", addr, h)
		}
	}
	if host.IsUnspecified() && host.Is6() {
		host = netip.Addr{} // "[::]" means any address of either family
	}
	return host, uint16(n), nil
}

// connFor returns the socket for an address: that of its family, or the TLS streams if it stands for one. It returns nil
// if there is none.
func (p *Peer) connFor(a netip.Addr) udp.Conn {
	if tunnel.Marked(a) {
		return p.streams
	}
	for _, c := range p.conns {
		if c.LocalAddr().Addr().Is4() == a.Is4() {
			return c
		}
	}
	return nil
}

// sendTo sends a datagram, if there is a socket for the address.
func (p *Peer) sendTo(to netip.AddrPort, d []byte) {
	if c := p.connFor(to.Addr()); c != nil {
		_ = c.Write(udp.Batch{Addr: to, Data: d, Size: len(d)}) // lost, as any datagram may be
	}
}

// handle is the demultiplexer: it dispatches received datagrams by their first byte and session. It runs on the socket's
// reading goroutine.
func (p *Peer) handle(c udp.Conn, b udp.Batch) {
	for len(b.Data) > 0 {
		run := sameSession(b)
		p.handleRun(c, run)
		b.Data = b.Data[len(run.Data):]
	}
}

// sameSession returns the datagrams at the head of b that belong to one session.
func sameSession(b udp.Batch) udp.Batch {
	first := b.Data[:min(b.Size, len(b.Data))]
	end := len(first)
	if h, ok := noise.ParseHeader(first); ok && h.Type == rendezvous.TypeData {
		for end < len(b.Data) {
			next := b.Data[end:min(end+b.Size, len(b.Data))]
			if n, ok := noise.ParseHeader(next); !ok || n.Type != h.Type || n.Index != h.Index {
				break
			}
			end += len(next)
		}
	}
	b.Data = b.Data[:end]
	return b
}

func (p *Peer) handleRun(c udp.Conn, b udp.Batch) {
	switch b.Data[0] {
	case rendezvous.TypeData:
		p.handleData(c, b)
	case rendezvous.TypeRelay:
		p.handleRelay(c, b)
	case rendezvous.TypeHello, rendezvous.TypeInit:
		p.handleInitiation(b)
	case rendezvous.TypeStale:
		p.handleStale(b)
	case rendezvous.TypeCookie, rendezvous.TypeResponse:
		if !p.feedDials(b) {
			p.feedClient(b)
		}
	default:
		p.feedClient(b)
	}
}

func (p *Peer) feedClient(b udp.Batch) {
	if p.client != nil {
		p.client.HandleDatagram(b.Addr, b.Data)
	}
}

func (p *Peer) handleData(c udp.Conn, b udp.Batch) {
	h, ok := noise.ParseHeader(b.Data)
	if !ok {
		return
	}
	if p.deliver(h.Index, c, b) {
		return
	}
	b.Datagrams(func(d []byte) {
		b.Data = d
		p.feedClient(b)
	})
}

// deliver passes packets to the link of a session, and reports whether there is one.
func (p *Peer) deliver(index uint32, c udp.Conn, b udp.Batch) bool {
	l := p.session(index)
	if l != nil {
		l.Deliver(link.Route{Conn: c, Addr: b.Addr}, b)
	}
	return l != nil
}

// handleRelay handles a relayed packet. The source address is not proof of anything: the packet must decrypt. It only
// decides where answers go.
func (p *Peer) handleRelay(c udp.Conn, b udp.Batch) {
	if p.client == nil || b.Addr != p.client.ServerAddr() {
		return
	}
	channel, packet, err := rendezvous.ParseRelay(b.Data)
	if err != nil {
		return
	}
	h, ok := noise.ParseHeader(packet)
	if l := p.session(h.Index); ok && l != nil {
		b.Data, b.Size = packet, len(packet)
		l.Deliver(link.Route{Conn: c, Addr: b.Addr, Channel: channel}, b)
	}
}

func (p *Peer) session(index uint32) *link.Link {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sessions[index]
}

func (p *Peer) feedDials(b udp.Batch) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := false
	for _, d := range p.dials { // several may be to one address
		taken = d.HandleDatagram(b.Addr, b.Data) || taken
	}
	return taken
}

// An initiation is an INIT that waits for answerInits: it costs public-key operations, which must not delay the reading
// of packets.
type initiation struct {
	from netip.AddrPort
	data []byte
}

func (p *Peer) handleInitiation(b udp.Batch) {
	if b.Data[0] == rendezvous.TypeHello {
		if reply := p.responder.Hello(time.Now(), b.Addr, b.Data); reply != nil {
			p.sendTo(b.Addr, reply)
		}
		return
	}
	select {
	case p.inits <- initiation{b.Addr, append([]byte(nil), b.Data...)}:
	default: // it will be sent again
	}
}

// answerInits answers INITs until the peer is closed.
func (p *Peer) answerInits() {
	for {
		select {
		case <-p.ctx.Done():
			return
		case i := <-p.inits:
			reply, in := p.responder.Init(time.Now(), i.from, i.data)
			if in != nil {
				reply = p.answerInit(in)
			}
			if reply != nil {
				p.sendTo(i.from, reply)
			}
		}
	}
}
