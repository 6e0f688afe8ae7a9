package p2p

import (
	"context"
	"errors"
	"sync"
	"time"

	"p2ptool/p2p/link"
	"p2ptool/p2p/path"
	"p2ptool/p2p/rendezvous"
	"p2ptool/p2p/rendezvous/client"
	"p2ptool/p2p/udp"
)

const (
	// Pauses between requests for a reintroduction: the other end may not have noticed yet that the server was
	// restarted, and has to register first.
	rejoinFirst = 100 * time.Millisecond
	rejoinLast  = 500 * time.Millisecond
	// rejoinPatience bounds rejoin. After it, reintroduce carries on at longer intervals.
	rejoinPatience = 20 * time.Second
	// rejoinPause is the least time between two STALEs of a link that are acted upon.
	rejoinPause = 200 * time.Millisecond
)

// relays maps relay channels to links. Only a link's newest channel is kept. A channel is a random 64-bit number that
// only the peer, its server, and those on the path between them know, so a STALE with a valid channel does not come
// from a stranger.
type relays struct {
	mu    sync.Mutex
	links map[uint64]relayed
	of    map[*link.Link]uint64
}

// A relayed is a link and when a STALE about it was last acted upon.
type relayed struct {
	link  *Link
	asked time.Time
}

// set records a link's channel, which replaces its earlier one.
func (r *relays) set(channel uint64, l *Link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.links == nil {
		r.links, r.of = map[uint64]relayed{}, map[*link.Link]uint64{}
	}
	delete(r.links, r.of[l.inner])
	r.links[channel], r.of[l.inner] = relayed{link: l}, channel
}

func (r *relays) forget(l *Link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.links, r.of[l.inner])
	delete(r.of, l.inner)
}

// channel returns the newest channel of a link.
func (r *relays) channel(l *Link) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.of[l.inner]
}

// stale returns the link of a channel that a STALE names. ok is false if there is none, or if the last STALE about it
// was less than rejoinPause ago.
func (r *relays) stale(channel uint64, now time.Time) (l *Link, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.links[channel]
	if e.link == nil || now.Sub(e.asked) < rejoinPause {
		return nil, false
	}
	e.asked = now
	r.links[channel] = e
	return e.link, true
}

// handleStale handles the server's message that it does not know a relay channel from this address. Either our address
// has changed, or the server was restarted. Refreshing the registration settles which, and a reintroduction makes a new
// channel.
func (p *Peer) handleStale(b udp.Batch) {
	if p.client == nil || b.Addr != p.client.ServerAddr() {
		return
	}
	channel, err := rendezvous.ParseStale(b.Data)
	if err != nil {
		return
	}
	if l, ok := p.relays.stale(channel, time.Now()); ok {
		p.client.RefreshNow()
		l.inner.RefuseRelay(channel)
		p.beginRejoin(l)
	}
}

// rejoinAll starts rejoin for the links without a path. It is called when the server is back.
func (p *Peer) rejoinAll() {
	p.mu.Lock()
	var lost []*Link
	for l := range p.links {
		if l.Path().Kind == path.None {
			lost = append(lost, l)
		}
	}
	p.mu.Unlock()
	for _, l := range lost {
		p.beginRejoin(l)
	}
}

// beginRejoin starts rejoin unless it runs for this link already.
func (p *Peer) beginRejoin(l *Link) {
	if l.peer == nil || l.running.rejoin.Swap(true) {
		return
	}
	p.spawn(func() {
		defer l.running.rejoin.Store(false)
		ctx, cancel := context.WithTimeout(p.ctx, rejoinPatience)
		defer cancel()
		p.rejoin(ctx, l)
	})
}

// rejoin asks the server to introduce the two ends of a link again, and repeats that until either end succeeds.
func (p *Peer) rejoin(ctx context.Context, l *Link) {
	old := p.relays.channel(l)
	pause := rejoinFirst
	if !l.initiator {
		l.sleep(ctx, pause) // so that usually only one end does it
	}
	for l.Err() == nil && ctx.Err() == nil && p.relays.channel(l) == old {
		answer, err := l.requestReintroduction(ctx, l.remote.instance)
		switch {
		case err == nil:
			p.addReintroduced(l, answer.Observed, answer.Channel)
			return
		case errors.Is(err, client.ErrRefused): // it is online, but does not have the link
			l.inner.Abandon(ErrGone)
			return
		}
		l.sleep(ctx, pause)
		pause = min(2*pause, rejoinLast)
	}
}

// sleep waits for d, or until the link or ctx ends.
func (l *Link) sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.Done():
	case <-ctx.Done():
	}
}
