package p2p

import (
	"net/netip"
	"sync"
	"time"

	"p2ptool/p2p/rendezvous/client"
)

const (
	maxWaitingCalls = 256

	// callGap is the average time between two answers, so that a flood of calls costs a tenth of a processor at most;
	// callBurst calls may be answered at once.
	callGap   = 5 * time.Millisecond
	callBurst = 32
)

// incomingCalls holds the calls that arrived through the server and wait for an answer. Each costs a handshake, so sources
// take turns. A call that is dropped arrives again as long as its caller repeats it.
type incomingCalls struct {
	mu    sync.Mutex // guards queue
	queue fairQueue[*client.Call]
	ready chan struct{} // room for one; signals that the queue is not empty
	idle  time.Time     // when the whole burst is available again; owned by answerCalls
}

func (cs *incomingCalls) init() {
	cs.queue, cs.ready = newFairQueue[*client.Call](maxWaitingCalls), make(chan struct{}, 1)
}

func (cs *incomingCalls) put(c *client.Call) {
	cs.mu.Lock()
	dropped, full := cs.queue.put(netip.AddrFrom16(sourceShare(c.Observed)), c)
	cs.mu.Unlock()
	if full {
		dropped.Drop()
	}
	select {
	case cs.ready <- struct{}{}:
	default:
	}
}

func (cs *incomingCalls) next() (*client.Call, bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return cs.queue.next()
}

// pace counts an answer and returns how long to wait before the next one.
func (cs *incomingCalls) pace(now time.Time) time.Duration {
	if cs.idle.Before(now) {
		cs.idle = now
	}
	cs.idle = cs.idle.Add(callGap)
	return max(cs.idle.Sub(now)-callBurst*callGap, 0)
}

// answerCalls answers calls until the peer is closed.
func (p *Peer) answerCalls() {
	for {
		select {
		case <-p.calls.ready:
		case <-p.ctx.Done():
			return
		}
		for c, ok := p.calls.next(); ok && p.ctx.Err() == nil; c, ok = p.calls.next() {
			p.answer(c)
			if wait := p.calls.pace(time.Now()); wait > 0 {
				timer := time.NewTimer(wait)
				select {
				case <-timer.C:
				case <-p.ctx.Done():
				}
				timer.Stop()
			}
		}
	}
}
