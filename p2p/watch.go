package p2p

import (
	"fmt"
	"time"

	"p2ptool/p2p/udp"
)

const (
	// lookEvery is how often interfaces and clock are checked. Systems that report changes may miss some, and do not
	// report sleep.
	lookEvery = 3 * time.Second
	// settleTime is how long to wait after a change: an interface that comes up receives several addresses one by one.
	settleTime = 100 * time.Millisecond
	// minSleep is the shortest pause of the host that counts as sleep. After it, NAT mappings may have expired.
	minSleep = 15 * time.Second
)

// watchHost calls moved when the host's addresses have changed or the host has slept.
func (p *Peer) watchHost() {
	changes := make(chan struct{}, 1)
	p.spawn(func() {
		// If it fails, the ticker remains.
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

// pause waits for d, and reports whether the peer is still open.
func (p *Peer) pause(d time.Duration) bool {
	select {
	case <-p.ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// slept reports whether the host slept between two checks. During sleep the monotonic clock stops on some systems, the
// wall clock on none. A wall clock that was set forward looks the same, which does no harm.
func slept(before, now time.Time) bool {
	wall := now.Round(0).Sub(before.Round(0))
	return max(wall, now.Sub(before)) >= lookEvery+minSleep
}

// moved is called when the host's addresses may have changed. It asks the server for the address that it sees now; all
// links check their paths and send new candidates.
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
