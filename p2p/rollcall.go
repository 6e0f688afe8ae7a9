package p2p

import (
	"context"
	"time"
)

const (
	rollCallGap  = 200 * time.Millisecond // between pings, of which one may be lost
	rollCallLast = 2 * time.Second
)

// callRoll asks the other links with the peer of l for a sign of life. When a
// peer makes a new link, an earlier process of it may have been killed, or have
// lost its link; one that is as silent as that is over now, and does not keep what
// it held from the new one until it has been silent for two minutes.
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
	if !l.listening || !l.suspected.CompareAndSwap(false, true) {
		return
	}
	l.peer.spawn(func() {
		defer l.suspected.Store(false)
		if c := l.peer.client; c != nil {
			ctx, cancel := context.WithTimeout(l.peer.ctx, rollCallLast)
			defer cancel()
			if f, err := c.Lookup(ctx, l.remote, 0); err == nil {
				if f.Instance != l.instance {
					l.answersOrEnds()
				}
				return
			}
		}
		l.visit()
	})
}

// visit asks for the other end at the address where it was last. Where
// another process of the peer answers, the link is over: two do not share an
// address.
func (l *Link) visit() {
	ctx, cancel := context.WithTimeout(l.peer.ctx, rollCallLast)
	defer cancel()
	_, _, g, err := l.peer.meet(ctx, l.remote, l.Path().Addr)
	if err == nil && g.instance != l.instance {
		l.inner.Abandon(ErrGone)
	}
}

// answersOrEnds ends the link unless something is heard of the other end.
func (l *Link) answersOrEnds() {
	asked := time.Now()
	for time.Since(asked) < rollCallLast {
		ctx, cancel := context.WithTimeout(l.peer.ctx, rollCallGap)
		_, _, err := l.inner.Ping(ctx)
		cancel()
		if err == nil || l.inner.Heard().After(asked) || l.Err() != nil || l.peer.ctx.Err() != nil {
			return
		}
	}
	l.inner.Abandon(ErrGone)
}
