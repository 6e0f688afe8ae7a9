package p2p

import (
	"context"
	"errors"
	"time"

	"p2ptool/p2p/rendezvous/client"
)

const (
	rollCallGap  = 200 * time.Millisecond // between pings, of which one may be lost
	rollCallLast = 2 * time.Second
)

// callRoll asks the other links with the peer of l for a sign of life. When a
// peer makes a new link, an earlier process of it may have been killed, or have
// lost its link; one that is as silent as that is over now, and does not keep what
// it held from the new one until it has been silent for two minutes. One that
// answers is left alone: a link is between two processes, and a peer may have several.
func (p *Peer) callRoll(l *Link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for o := range p.links {
		if o != l && o.remote == l.remote && !p.closed {
			p.wg.Go(o.answersOrEnds)
		}
	}
}

// suspect is called while the path in use does not answer. Where the other end
// took calls, its process may have been killed and have come back: then the link is over,
// and whoever waits for it can make another.
func (l *Link) suspect() {
	if !l.serves() || !l.suspected.CompareAndSwap(false, true) {
		return
	}
	l.peer.spawn(func() {
		defer l.suspected.Store(false)
		if c := l.peer.client; c != nil {
			ctx, cancel := context.WithTimeout(l.peer.ctx, rollCallLast)
			defer cancel()
			if another, err := l.succeeded(ctx); err == nil {
				if another {
					l.answersOrEnds()
				}
				return
			}
		}
		if !l.byRelay.Load() { // else its address is the server's
			l.visit()
		}
	})
}

// serves reports whether the other process is one that others call: it listens, or takes
// streams of an application. One that only calls has no successor.
func (l *Link) serves() bool { return l.listening || l.takes&^kindBit(ViewKind) != 0 }

// succeeded reports whether another process of the peer gets its calls, and is
// there: that it answers says that nothing but the process of the link itself is amiss. The error
// says that the server cannot be asked.
func (l *Link) succeeded(ctx context.Context) (bool, error) {
	c := l.peer.client
	f, err := c.Lookup(ctx, l.remote, 0)
	if err != nil || f.Instance == l.instance {
		return false, err
	}
	_, err = l.introduceAgain(ctx, f.Instance)
	return err == nil || errors.Is(err, client.ErrRefused), nil
}

// visit asks for the other end at the address where it was last. Where
// another process of the peer answers, the link is over: two do not share an
// address.
func (l *Link) visit() {
	ctx, cancel := context.WithTimeout(l.peer.ctx, rollCallLast)
	defer cancel()
	_, _, g, err := l.peer.meet(ctx, l.remote, l.Path().Addr, true)
	if err == nil && g.instance != l.instance {
		l.inner.Abandon(ErrGone)
	}
}

// answersOrEnds ends the link unless something is heard of the other end: by the link's
// paths or, where those say nothing, by the server.
func (l *Link) answersOrEnds() {
	asked := time.Now()
	ctx, cancel := context.WithDeadline(l.peer.ctx, asked.Add(rollCallLast))
	defer cancel()
	var called <-chan error
	for ctx.Err() == nil {
		within, cancel := context.WithTimeout(ctx, rollCallGap)
		_, _, err := l.inner.Ping(within)
		cancel()
		if err == nil || l.inner.Heard().After(asked) || l.Err() != nil {
			return
		}
		if called == nil && time.Since(asked) >= rollCallLast/4 {
			called = l.callAgain(ctx)
		}
		select {
		case err := <-called:
			if err == nil {
				return
			}
		default:
		}
	}
	if l.peer.ctx.Err() == nil {
		l.inner.Abandon(ErrGone)
	}
}

// callAgain has the server call the process of the other end, and gives nil if it still has the
// link.
func (l *Link) callAgain(ctx context.Context) <-chan error {
	result := make(chan error, 1)
	if l.peer.client == nil {
		return result
	}
	l.peer.spawn(func() {
		answer, err := l.introduceAgain(ctx, l.instance)
		if err == nil {
			l.peer.reunite(l, answer.Observed, answer.Channel)
		}
		result <- err
	})
	return result
}
