package p2p

import (
	"context"
	"net/netip"
	"time"

	"p2ptool/p2p/path"
	"p2ptool/p2p/stun"
	"p2ptool/p2p/udp"
)

// predictPatience is how long to wait for the server's answer, and for the other end's ports.
const predictPatience = 3 * time.Second

// predict finds out which external ports a NAT with sequential allocation gives to a few sockets. It sends an opener
// from each socket, and one request to the server before and one after them. The ports of the openers lie between the
// two ports that the server saw. ok is false if the answers do not give a range.
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

// joinPrediction runs this end's part of a predictBoth round that the other end started. ports are the other end's.
func (l *Link) joinPrediction(ports path.Ports) {
	at, ok := l.observedAddr()
	if !ok || !l.mayProbePorts() || l.initiator || !path.Crosses(l.peer.nat.known(), l.NAT()) || l.Path().Kind != path.Relay {
		return
	}
	if _, ok := l.peer.birthday.allow(l.remote.guid, at.Addr()); ok {
		l.predictBoth(at.Addr(), &ports)
	}
}

// askers opens two sockets for requests to the server.
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

// predictBoth tries to connect through two symmetric NATs with sequential allocation. Each end finds out which ports
// its NAT will use next and announces them. Then each end sends from one socket to the other end's ports in turn. The
// NAT maps the n-th packet to the n-th announced port, where the other end sends its own n-th packet, unless another
// host behind the same NAT opens a connection in between. given holds the other end's ports; nil: not known yet.
func (l *Link) predictBoth(at netip.Addr, given *path.Ports) {
	select {
	case <-l.offered: // from an earlier round
	default:
	}
	f := &socketPool{peer: l.peer}
	if !f.open(1) {
		return
	}
	won, ok := l.sendToPredicted(f.conns[0], at, given)
	if ok && l.awaitWinner(won, path.BirthdayRound) != nil {
		l.keepPool(f)
		return
	}
	f.close()
}

func (l *Link) sendToPredicted(conn udp.Conn, at netip.Addr, given *path.Ports) (won <-chan udp.Conn, ok bool) {
	own, ok := l.nextPorts()
	if !ok {
		return nil, false
	}
	l.inner.Announce(own)
	if given == nil {
		if given, ok = l.awaitPorts(); !ok {
			return nil, false
		}
	}
	return l.inner.Cross(conn, at, given.First(path.CrossPorts)), true
}

// nextPorts returns the ports that this peer's NAT will use next.
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

// awaitPorts waits until the other end announces its ports.
func (l *Link) awaitPorts() (*path.Ports, bool) {
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
