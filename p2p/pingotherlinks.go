package p2p

import (
	"context"
	"errors"
	"time"

	"p2ptool/p2p/rendezvous/client"
)

const (
	livenessGap      = 200 * time.Millisecond // between pings; one may be lost
	livenessPatience = 2 * time.Second
)

// pingOtherLinks pings the other links with the peer of l, a new link, and ends those that do not answer. The peer may
// have begun a new link because its earlier process was killed or lost its link. Ending that link now, instead of after
// two minutes of silence, frees what it holds. Links that answer stay: a peer may have several processes.
func (p *Peer) pingOtherLinks(l *Link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for o := range p.links {
		if o != l && o.remote.guid == l.remote.guid && !p.closed {
			p.wg.Go(o.pingOrAbandon)
		}
	}
}

// checkReplaced is called while the path in use does not answer. If the other end receives calls, its process may have
// been killed and started again. Then checkReplaced ends the link, so that the application can connect anew.
func (l *Link) checkReplaced() {
	if !l.receivesCalls() || !l.running.replacedCheck.CompareAndSwap(false, true) {
		return
	}
	l.peer.spawn(func() {
		defer l.running.replacedCheck.Store(false)
		if c := l.peer.client; c != nil {
			ctx, cancel := context.WithTimeout(l.peer.ctx, livenessPatience)
			defer cancel()
			if another, err := l.wasReplaced(ctx); err == nil {
				if another {
					l.pingOrAbandon()
				}
				return
			}
		}
		if !l.byRelay.Load() { // a relayed path has the server's address
			l.checkLastAddress()
		}
	})
}

// receivesCalls reports whether the other process is one that others call: it listens, or accepts streams of an
// application. A process that only calls is not replaced by another.
func (l *Link) receivesCalls() bool {
	return l.remote.listening || l.remote.takes&^kindBit(ViewKind) != 0
}

// wasReplaced reports whether another process of the peer receives its calls and answers. If it does, network and server
// work, and only the link's own process is missing. The error means that the server does not answer.
func (l *Link) wasReplaced(ctx context.Context) (bool, error) {
	c := l.peer.client
	f, err := c.Lookup(ctx, l.remote.guid, 0)
	if err != nil || f.Instance == l.remote.instance {
		return false, err
	}
	_, err = l.requestReintroduction(ctx, f.Instance)
	return err == nil || errors.Is(err, client.ErrRefused), nil
}

// checkLastAddress makes a handshake with the last address of the other end, and ends the link if another process of the
// peer answers there: two processes do not share an address.
func (l *Link) checkLastAddress() {
	ctx, cancel := context.WithTimeout(l.peer.ctx, livenessPatience)
	defer cancel()
	_, _, g, err := l.peer.meet(ctx, l.remote.guid, l.Path().Addr, true)
	if err == nil && g.instance != l.remote.instance {
		l.inner.Abandon(ErrGone)
	}
}

// pingOrAbandon ends the link unless the other end answers: over the link's paths or, if they are silent, through the
// server.
func (l *Link) pingOrAbandon() {
	asked := time.Now()
	ctx, cancel := context.WithDeadline(l.peer.ctx, asked.Add(livenessPatience))
	defer cancel()
	var called <-chan error
	for ctx.Err() == nil {
		within, cancel := context.WithTimeout(ctx, livenessGap)
		_, _, err := l.inner.Ping(within)
		cancel()
		if err == nil || l.inner.Heard().After(asked) || l.Err() != nil {
			return
		}
		if called == nil && time.Since(asked) >= livenessPatience/4 {
			called = l.startReintroduction(ctx)
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

// startReintroduction asks the server to reintroduce the link. The channel receives nil if the other end still has it.
func (l *Link) startReintroduction(ctx context.Context) <-chan error {
	result := make(chan error, 1)
	if l.peer.client == nil {
		return result
	}
	l.peer.spawn(func() {
		answer, err := l.requestReintroduction(ctx, l.remote.instance)
		if err == nil {
			l.peer.addReintroduced(l, answer.Observed, answer.Channel)
		}
		result <- err
	})
	return result
}
