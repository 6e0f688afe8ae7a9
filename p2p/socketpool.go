package p2p

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"p2ptool/p2p/noise"
	"p2ptool/p2p/path"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/stun"
	"p2ptool/p2p/udp"
)

const (
	searchFirst = 300 * time.Millisecond // once the link is on the relay; ordinary probes succeed sooner
	searchAgain = 20 * time.Second       // after a round that found no path
	searchLater = 10 * time.Minute       // after a round that the limits did not allow

	refreshPatience = 3 * time.Second // for answers from the server and the other end
)

// searchAnew makes watch search for a direct path if the link is relayed.
func (l *Link) searchAnew() {
	select {
	case l.search <- struct{}{}:
	default:
	}
}

// searchDirect tries to move the link from the relay to a direct path. It opens additional sockets: many if this side's
// NAT is symmetric, otherwise one. It returns when the link is no longer relayed, or when more sockets cannot help.
func (l *Link) searchDirect() {
	for wait, sleep := searchFirst, l.waitOrWake; sleep(wait) && l.Path().Kind == path.Relay; {
		own, other := l.peer.nat.known(), l.NAT()
		if l.newSocketMayHelp(own, other) {
			wait, sleep = l.tryNewSocket(), l.waitOrWake
			continue
		}
		crosses := l.initiator && path.Crosses(own, other)
		if !l.mayProbePorts() || !crosses && !path.OpensMany(own, other) {
			return
		}
		wait, sleep = searchLater, l.wait
		l.refreshObserved()
		to, ok := l.observedAddr()
		if !ok {
			continue
		}
		earlier, ok := l.peer.birthday.allow(l.remote.guid, to.Addr())
		switch {
		case !ok:
			continue
		case crosses:
			l.predictBoth(to.Addr(), nil)
		default:
			l.birthdayRound(to, path.RoundTTL(earlier, l.peer.nat.openerTTL()), own.Stride)
		}
		wait = searchAgain
	}
}

// refreshObserved asks the server to send each end the current address of the other, unless it did so recently.
func (l *Link) refreshObserved() {
	l.mu.Lock()
	age := time.Since(l.observed.at)
	l.mu.Unlock()
	if age < observedRecently/4 || l.peer.client == nil {
		return
	}
	ctx, cancel := context.WithTimeout(l.peer.ctx, refreshPatience)
	defer cancel()
	if answer, err := l.requestReintroduction(ctx, l.remote.instance); err == nil {
		l.peer.addReintroduced(l, answer.Observed, answer.Channel)
	}
}

// wait waits for d and reports whether the link is still up. Unlike waitOrWake, searchAnew does not shorten it, because
// several rounds of birthday probing in a row would look like a flood.
func (l *Link) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.Done():
		return false
	}
}

// waitOrWake waits for d and reports whether the link is still up. searchAnew shortens a long wait.
func (l *Link) waitOrWake(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			return true
		case <-l.search:
			if d > searchFirst {
				d = searchFirst
				t.Reset(d)
			}
		case <-l.Done():
			return false
		}
	}
}

// birthdayRound opens many sockets, asks the other end to probe their ports, and keeps the socket that gets a valid
// path. If this side's NAT allocates ports with a stride, a few sockets are enough.
func (l *Link) birthdayRound(to netip.AddrPort, ttl int, stride int16) {
	f := &socketPool{peer: l.peer}
	ports, won, ok := path.Ports{}, (<-chan udp.Conn)(nil), false
	if stride != 0 && f.open(path.PredictSockets) {
		ports, won, ok = l.predict(f.conns, to, ttl, stride)
	}
	if !ok && f.open(path.BirthdaySockets) {
		ports, ok = path.AnyPort(), true
		_, won = l.inner.OpenPool(f.conns, to, ttl)
	}
	if ok {
		l.inner.Announce(ports)
		if c := l.awaitWinner(won, path.BirthdayRound); c != nil {
			f.keep(c)
			l.keepPool(f)
			return
		}
	}
	f.close()
}

// awaitWinner waits until a socket of the round gets a valid path. It returns nil if none does in time.
func (l *Link) awaitWinner(won <-chan udp.Conn, within time.Duration) udp.Conn {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case c := <-won:
		return c
	case <-timer.C:
		l.inner.ClosePool()
	case <-l.Done():
	}
	select {
	case c := <-won: // it may have won just before ClosePool
		return c
	default:
		return nil
	}
}

// keepPool stores f, which holds the winning socket, for the link. It closes the previous pool. Only watch may call it.
func (l *Link) keepPool(f *socketPool) {
	f, l.direct.pool = l.direct.pool, f
	f.close()
}

// A socketPool holds the sockets of a round. After the round it holds only the winner.
type socketPool struct {
	peer    *Peer
	conns   []udp.Conn
	asker   *stun.Asker // sends from the first socket
	readers sync.WaitGroup
}

// open opens sockets until there are n. If the system has no more, it closes a quarter of the new ones to leave some
// for other users. It reports whether the pool has any sockets.
func (f *socketPool) open(n int) bool {
	had := len(f.conns)
	for len(f.conns) < n {
		c, err := f.peer.listenMore()
		if err != nil {
			f.closeSome((len(f.conns) - had + 3) / 4)
			break
		}
		f.conns = append(f.conns, c)
		if f.asker == nil {
			f.asker = stun.NewSharedAsker(c)
		}
		f.readers.Go(func() { _ = udp.Serve(c, f.handle) })
	}
	return len(f.conns) > 0
}

// closeSome closes the n newest sockets.
func (f *socketPool) closeSome(n int) {
	left := len(f.conns) - n
	for _, c := range f.conns[left:] {
		c.Close()
	}
	f.conns = f.conns[:left]
}

// keep closes all sockets except winner.
func (f *socketPool) keep(winner udp.Conn) {
	for _, c := range f.conns {
		if c != winner {
			c.Close()
		}
	}
	f.conns = []udp.Conn{winner}
}

// close closes the remaining sockets and waits for their readers. f may be nil.
func (f *socketPool) close() {
	if f != nil {
		f.closeSome(len(f.conns))
		f.readers.Wait()
	}
}

// handle handles datagrams that arrive on one of the sockets: packets of links, and STUN responses for asker.
func (f *socketPool) handle(c udp.Conn, b udp.Batch) {
	for len(b.Data) > 0 {
		run := sameSession(b)
		b.Data = b.Data[len(run.Data):]
		if h, ok := noise.ParseHeader(run.Data); ok && h.Type == rendezvous.TypeData {
			f.peer.deliver(h.Index, c, run)
			continue
		}
		f.asker.HandleDatagram(run.Addr, run.Data)
	}
}
