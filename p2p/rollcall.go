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
	l.inner.Abandon(errGone())
}
