package link

import (
	"encoding/binary"
	"net/netip"

	"p2ptool/p2p/link/recovery"
	"p2ptool/p2p/noise"
	"p2ptool/p2p/path"
	"p2ptool/p2p/rtt"
	"p2ptool/p2p/tunnel"
	"p2ptool/p2p/udp"
)

// A Route is how a datagram reaches the peer: from a socket to an address, and by a channel of
// the relay if the address is a server's.
type Route struct {
	Conn    udp.Conn
	Addr    netip.AddrPort
	Channel uint64 // 0: the address is the peer's
}

func (r Route) route() path.Route {
	return path.Route{Socket: r.Conn, Addr: r.Addr, Channel: r.Channel}
}

const (
	typeData  = 8 // first byte of a packet
	typeRelay = 9 // and of one by the relay
	relayHead = 1 + 8
)

// A flow is what the link keeps of a path (path.Flow): the way its packets take, loss detection and
// congestion control.
type flow struct {
	*path.Path
	link   *Link
	conn   udp.Conn
	header []byte // stands before each packet
	loss   recovery.Path
	traced tracedPath
}

// newFlow makes the flow of a new path.
func (l *Link) newFlow(p *path.Path) path.Flow {
	f := &flow{Path: p, link: l, conn: p.Route.Socket.(udp.Conn)}
	if p.Relayed() {
		f.header = binary.BigEndian.AppendUint64([]byte{typeRelay}, p.Route.Channel)
	}
	p.Overhead = len(f.header) + noise.Overhead
	f.loss = recovery.NewPath(l.now, p.MTU)
	f.loss.Skip(l.loss.history.End())
	return f
}

// flowOf returns the flow of a path, nil for nil.
func flowOf(p *path.Path) *flow {
	if p == nil {
		return nil
	}
	return p.Flow.(*flow)
}

// best returns the flow of the path in use; nil: there was none yet.
func (l *Link) best() *flow { return flowOf(l.paths.Best()) }

func (f *flow) RTT() *rtt.Estimator { return &f.loss.RTT }
func (f *flow) InFlight() int       { return f.loss.InFlight }
func (f *flow) Carried() uint64     { return f.loss.Carried() }
func (f *flow) Abandon()            { f.link.loseAll(f) }

func (f *flow) SetMTU(n int) {
	f.loss.Hole = recovery.BlackHole{}
	f.loss.Controller.SetPacket(n)
}

// head returns what stands before each packet; nothing where there is no path.
func (f *flow) head() []byte {
	if f == nil {
		return nil
	}
	return f.header
}

// room returns how many bytes of frames a packet on the path holds.
func (f *flow) room() int { return f.MTU - f.Overhead }

// floor returns the same for a packet of path.MinMTU.
func (f *flow) floor() int { return path.MinMTU - f.Overhead }

// relayKind returns the kind of a relayed route.
func relayKind(r path.Route) path.Kind {
	if tunnel.Marked(r.Addr.Addr()) {
		return path.TCPRelay
	}
	return path.Relay
}
