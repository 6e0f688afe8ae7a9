package p2p

import (
	"fmt"
	"time"

	"p2ptool/p2p/udp"
)

const (
	// lookEvery is the time between looks at interfaces and clock: where the
	// system tells of changes they are for what it forgets, and for sleep.
	lookEvery = 3 * time.Second
	// settleTime is how long changes are let come before they are looked at:
	// an interface that comes up gets several addresses one by one.
	settleTime = 100 * time.Millisecond
	// minSleep is the shortest pause of the host that counts as sleep: after it
	// a NAT may have forgotten us.
	minSleep = 15 * time.Second
)

// watchHost tells links and server when the host's addresses have changed, or
// when it has slept.
func (p *Peer) watchHost() {
	changes := make(chan struct{}, 1)
	p.spawn(func() {
		// Where it fails the ticker is left.
		_ = udp.Watch(p.ctx, p.opts.Network, func() {
			select {
			case changes <- struct{}{}:
			default:
			}
		})
	})
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	last, looked := fmt.Sprint(p.hostAddrs()), time.Now()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-tick.C:
		case <-changes:
			if !p.pause(settleTime) {
				return
			}
		}
		now := time.Now()
		rested := slept(looked, now)
		looked = now
		if addrs := fmt.Sprint(p.hostAddrs()); addrs != last || rested {
			last = addrs
			p.moved()
		}
	}
}

// pause waits, and reports whether the peer goes on.
func (p *Peer) pause(d time.Duration) bool {
	select {
	case <-p.ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// slept reports whether the host has slept between two looks. Its monotonic
// clock stands still meanwhile on some systems, the wall clock on none. A wall
// clock that was set forward looks the same; no harm is done then.
func slept(before, now time.Time) bool {
	wall := now.Round(0).Sub(before.Round(0))
	return max(wall, now.Sub(before)) >= lookEvery+minSleep
}

// moved has the server asked how it sees this host now, and all links look
// whether their paths still lead here and tell the other ends where they may.
func (p *Peer) moved() {
	if p.client != nil {
		p.client.RefreshNow()
	}
	p.mu.Lock()
	for _, l := range p.sessions {
		l.Moved()
	}
	p.mu.Unlock()
	p.announceCandidates()
	p.recheckMapping()
}
