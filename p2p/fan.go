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
	fanAfter = 300 * time.Millisecond // by the relay: ordinary probes would have got through
	fanAgain = 20 * time.Second       // after a round that found nothing
	fanLater = 10 * time.Minute       // after one that was not allowed

	lookPatience = 3 * time.Second // for the server and the other end to answer
)

// nudge has the link look for a better path, if it is relayed.
func (l *Link) nudge() {
	select {
	case l.nudged <- struct{}{}:
	default:
	}
}

// widen opens more sockets where that may lead to a direct path, until there is
// one or it cannot help: many if this side's NAT is symmetric, else one.
func (l *Link) widen() {
	for wait, sleep := fanAfter, l.rest; sleep(wait) && l.Path().Kind == path.Relay; {
		own, other := l.peer.nat.known(), l.NAT()
		if l.freshens(own, other) {
			wait, sleep = l.freshen(), l.rest
			continue
		}
		crosses := l.initiator && path.Crosses(own, other)
		if !l.spraysToo() || !crosses && !path.OpensMany(own, other) {
			return
		}
		wait, sleep = fanLater, l.pause
		l.lookAgain()
		to, ok := l.seenAt()
		if !ok {
			continue
		}
		earlier, ok := l.peer.sprays.allow(l.remote, to.Addr())
		switch {
		case !ok:
			continue
		case crosses:
			l.cross(to.Addr(), nil)
		default:
			l.round(to, path.RoundTTL(earlier, l.peer.nat.openerTTL()), own.Stride)
		}
		wait = fanAgain
	}
}

// lookAgain has the server tell both ends where it sees the other, if it has not
// done so lately.
func (l *Link) lookAgain() {
	l.mu.Lock()
	age := time.Since(l.seen)
	l.mu.Unlock()
	if age < seenLately/4 || l.peer.client == nil {
		return
	}
	ctx, cancel := context.WithTimeout(l.peer.ctx, lookPatience)
	defer cancel()
	if answer, err := l.introduceAgain(ctx, l.instance); err == nil {
		l.peer.reunite(l, answer.Observed, answer.Channel)
	}
}

// pause waits, and reports whether the link is still up. Between rounds of many probes it is
// not cut short, for those may be taken for a flood.
func (l *Link) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.Done():
		return false
	}
}

// rest waits, and reports whether the link is still up. What nudges the link cuts a long
// rest short: much may be different then.
func (l *Link) rest(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			return true
		case <-l.nudged:
			if d > fanAfter {
				d = fanAfter
				t.Reset(d)
			}
		case <-l.Done():
			return false
		}
	}
}

// round opens the sockets, has the other end probe for them, and keeps the one
// that becomes a path. With a stride few will do.
func (l *Link) round(to netip.AddrPort, ttl int, stride int16) {
	f := &fan{peer: l.peer}
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
		if c := l.await(won, path.BirthdayRound); c != nil {
			f.keep(c)
			l.hold(f)
			return
		}
	}
	f.close()
}

// await waits for a round's winner, and returns nil where there is none in time.
func (l *Link) await(won <-chan udp.Conn, within time.Duration) udp.Conn {
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
	case c := <-won: // at the last moment
		return c
	default:
		return nil
	}
}

// hold has the link keep the socket that f still has, in the place of the one
// that it had. It is for the goroutine of watch.
func (l *Link) hold(f *fan) {
	f, l.held = l.held, f
	f.close()
}

// A fan is the sockets of a round, and afterwards the one that has won.
type fan struct {
	peer    *Peer
	conns   []udp.Conn
	asker   *stun.Asker // that sends from the first of them
	readers sync.WaitGroup
}

// open opens sockets until there are n, fewer where the system has no more: then
// some are left to others. It reports whether there are any.
func (f *fan) open(n int) bool {
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

// closeSome closes the n newest.
func (f *fan) closeSome(n int) {
	left := len(f.conns) - n
	for _, c := range f.conns[left:] {
		c.Close()
	}
	f.conns = f.conns[:left]
}

// keep closes all sockets but one.
func (f *fan) keep(winner udp.Conn) {
	for _, c := range f.conns {
		if c != winner {
			c.Close()
		}
	}
	f.conns = []udp.Conn{winner}
}

// close closes what is left, and waits for the readers. Nil is fine.
func (f *fan) close() {
	if f != nil {
		f.closeSome(len(f.conns))
		f.readers.Wait()
	}
}

// handle takes what arrives at a socket that is a link's alone.
func (f *fan) handle(c udp.Conn, b udp.Batch) {
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
