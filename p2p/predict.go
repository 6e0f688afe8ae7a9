package p2p

import (
	"context"
	"net/netip"
	"time"

	"p2ptool/p2p/path"
	"p2ptool/p2p/stun"
	"p2ptool/p2p/udp"
)

// predictPatience is how long the server may take to tell a port, and the other
// end to tell its own.
const predictPatience = 3 * time.Second

// predict is for a NAT that gives ports in sequence: of a few sockets it finds
// out between which ports theirs lie. The openers leave between two requests
// to the server, each of which gets a port too. Ok is false where that tells
// nothing.
func (l *Link) predict(conns []udp.Conn, to netip.AddrPort, ttl int, stride int16) (ports path.Ports, won <-chan udp.Conn, ok bool) {
	before, after, err := l.peer.askers()
	if err != nil {
		return ports, nil, false
	}
	defer before.Close()
	defer after.Close()
	ctx, cancel := context.WithTimeout(l.peer.ctx, predictPatience)
	defer cancel()
	server, _ := l.peer.client.Observers()
	first := before.Ask(server, server, stun.Request{})
	opened, won := l.inner.OpenPool(conns, to, ttl)
	select {
	case <-opened:
	case <-l.Done():
		return ports, won, false
	}
	last := after.Ask(server, server, stun.Request{})
	low, high := first(ctx), last(ctx)
	if !low.IsValid() || !high.IsValid() {
		return ports, won, false
	}
	ports, ok = path.Between(low.Port(), high.Port(), stride)
	return ports, won, ok
}

// accept takes part in a cross that the other end begins.
func (l *Link) accept(ports path.Ports) {
	at, ok := l.seenAt()
	if !ok || !l.spraysToo() || l.initiator || !path.Crosses(l.peer.nat.known(), l.NAT()) || l.Path().Kind != path.Relay {
		return
	}
	if _, ok := l.peer.sprays.allow(l.remote, at.Addr()); ok {
		l.cross(at.Addr(), &ports)
	}
}

// askers opens two sockets to ask the server with.
func (p *Peer) askers() (one, two *stun.Asker, err error) {
	c, err := p.listenMore()
	if err != nil {
		return nil, nil, err
	}
	d, err := p.listenMore()
	if err != nil {
		c.Close()
		return nil, nil, err
	}
	return stun.NewAsker(c), stun.NewAsker(d), nil
}

// cross is for two NATs that both give ports in sequence. Each end finds out
// which ports come next and tells them; then each sends, by one socket, to
// those of the other in turn. The n-th packet of either gets the port to which
// the other sends its n-th, unless somebody else has begun something meanwhile.
// Given is what the other end has told; nil: nothing yet.
func (l *Link) cross(at netip.Addr, given *path.Ports) {
	select {
	case <-l.offered: // an answer that came too late
	default:
	}
	f := &fan{peer: l.peer}
	if !f.open(1) {
		return
	}
	won, ok := l.crossBy(f.conns[0], at, given)
	if ok && l.await(won, path.BirthdayRound) != nil {
		l.hold(f)
		return
	}
	f.close()
}

func (l *Link) crossBy(conn udp.Conn, at netip.Addr, given *path.Ports) (won <-chan udp.Conn, ok bool) {
	own, ok := l.nextPorts()
	if !ok {
		return nil, false
	}
	l.inner.Announce(own)
	if given == nil {
		if given, ok = l.answer(); !ok {
			return nil, false
		}
	}
	return l.inner.Cross(conn, at, given.First(path.CrossPorts)), true
}

// nextPorts returns the ports that this peer's NAT gives next.
func (l *Link) nextPorts() (path.Ports, bool) {
	c, err := l.peer.listenMore()
	if err != nil {
		return path.Ports{}, false
	}
	a := stun.NewAsker(c)
	defer a.Close()
	ctx, cancel := context.WithTimeout(l.peer.ctx, predictPatience)
	defer cancel()
	server, _ := l.peer.client.Observers()
	last := a.Ask(server, server, stun.Request{})(ctx)
	if !last.IsValid() {
		return path.Ports{}, false
	}
	return path.After(last.Port(), l.peer.nat.known().Stride, path.CrossPorts)
}

// answer waits for the ports that the other end tells in return.
func (l *Link) answer() (*path.Ports, bool) {
	timer := time.NewTimer(predictPatience)
	defer timer.Stop()
	select {
	case ports := <-l.offered:
		return &ports, true
	case <-timer.C:
	case <-l.Done():
	}
	return nil, false
}
