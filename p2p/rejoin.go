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
	// The pauses between a link's attempts to be introduced anew: the other end may still
	// have to find out that the server was restarted, and to register.
	rejoinFirst = 100 * time.Millisecond
	rejoinLast  = 500 * time.Millisecond
	// rejoinPatience is for how long it tries. What is left is for seek.
	rejoinPatience = 20 * time.Second
	// rejoinPause is between two signs of life that a link asks the server for.
	rejoinPause = 200 * time.Millisecond
)

// relays are the links of a peer by their newest channel of the relay. A channel is a
// random number of 64 bits that only the peer, its server, and who sees their packets know.
// So a STALE that names one is not from a stranger.
type relays struct {
	mu    sync.Mutex
	links map[uint64]relayed
	of    map[*link.Link]uint64
}

// A relayed is a link and when a STALE last had the server asked for a sign of life.
type relayed struct {
	link  *Link
	asked time.Time
}

// set notes the channel of a link in the place of an earlier one.
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

// stale returns the link of a channel of which a STALE has come; ok is false where there
// is none, or one came just before.
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

// handleStale takes the server's word that it does not know a channel of the relay from
// this address. Either our address has changed, or the server was restarted: a sign of
// life tells it, or us, and an introduction makes a new channel.
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

// rejoinAll has the links without a path be introduced anew: the server is back.
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

// beginRejoin starts rejoin, once at a time.
func (p *Peer) beginRejoin(l *Link) {
	if l.peer == nil || l.rejoining.Swap(true) {
		return
	}
	p.spawn(func() {
		defer l.rejoining.Store(false)
		ctx, cancel := context.WithTimeout(p.ctx, rejoinPatience)
		defer cancel()
		p.rejoin(ctx, l)
	})
}

// rejoin has the server introduce the ends of a link anew, as often as needed until
// either end has done it.
func (p *Peer) rejoin(ctx context.Context, l *Link) {
	old := p.relays.channel(l)
	pause := rejoinFirst
	if !l.initiator {
		l.sleep(ctx, pause) // so that mostly one of the ends does it
	}
	for l.Err() == nil && ctx.Err() == nil && p.relays.channel(l) == old {
		answer, err := l.introduceAgain(ctx, l.instance)
		switch {
		case err == nil:
			p.reunite(l, answer.Observed, answer.Channel)
			return
		case errors.Is(err, client.ErrRefused): // there, and does not know the link
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
