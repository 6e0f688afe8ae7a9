package link

import (
	"time"

	"p2ptool/p2p/link/rtt"
)

const (
	packetThreshold = 3           // RFC 9002, section 6.1.1
	maxProbeTimeout = time.Second // so that a link is back soon after an outage
	backOffs        = 4           // of the probe timeout: where half is lost, several go unanswered
	maxReorderSteps = 16          // of the reordering window, in quarters of a round trip
	calmEpisodes    = 16          // of loss without a wrong verdict, then the window is as at first
	stallTimeouts   = 3           // RFC 9002, section 7.6.1
)

// recovery is a path's part of loss detection: RACK (RFC 8985) for packets
// that something later overtook, a probe timeout (RFC 9002, section 6.2) for
// the last ones.
type recovery struct {
	sent     uint64 // packets sent on the path, to number the next
	ackedSeq uint64 // of the packets acknowledged, one more than the highest
	news     bool   // packets were acknowledged since losses were looked for
	oldest   uint64 // no place in the history before this one is in flight on the path

	reordered bool   // the path has been seen to reorder
	steps     int    // of the reordering window
	widened   uint64 // packets from here on were sent since a step was last added
	episode   uint64 // and from here on since an episode of loss began
	calm      int    // episodes since

	lossAt   time.Time // when the next packet will be overdue
	lastSent time.Time // of packets that want an acknowledgement
	probes   int       // timeouts in a row
	small    bool      // the last packet that a timeout sends is to be a small one: see blackHole

	missFirst time.Time // when the first of a run of lost packets was sent
	missNext  uint64    // what comes behind that run
}

// window is how long a packet may be overtaken before it is lost (RFC 8985,
// section 6.2, step 4).
func (r *recovery) window(t *rtt.Estimator) time.Duration {
	w := t.Min / 4 * time.Duration(1+r.steps)
	return max(min(w, t.Smoothed), rtt.Granularity)
}

// acked notes that a packet arrived; late says that it had been declared lost.
// Packets of one ACK are to be told in the order in which they were sent: only
// what was acknowledged after a later one has been overtaken.
func (r *recovery) acked(p *sentPacket, late bool) {
	if p.seq < r.ackedSeq {
		r.reordered = true
	}
	if late {
		r.widen(p)
	}
	r.ackedSeq = max(r.ackedSeq, p.seq+1)
	r.probes = 0
	r.news = true
}

// widen makes the reordering window one step wider, once in a round trip.
func (r *recovery) widen(p *sentPacket) {
	r.calm = 0
	if p.seq >= r.widened {
		r.steps = min(r.steps+1, maxReorderSteps)
		r.widened = r.sent
	}
}

// missed notes that a packet was lost.
func (r *recovery) missed(p *sentPacket) {
	if p.seq != r.missNext || r.missFirst.IsZero() {
		r.missFirst = p.Time
	}
	r.missNext = p.seq + 1
	if p.seq < r.episode {
		return
	}
	r.episode = r.sent
	if r.calm++; r.calm == calmEpisodes {
		r.steps, r.calm = 0, 0
	}
}

// stalled reports persistent congestion (RFC 9002, section 7.6), p being the
// packet lost last: of all that was sent over some probe timeouts nothing
// arrived.
func (r *recovery) stalled(p *sentPacket, t *rtt.Estimator) bool {
	if !t.Sampled || p.Time.Sub(r.missFirst) <= stallTimeouts*t.ProbeTimeout() {
		return false
	}
	r.missFirst = p.Time
	return true
}

// overdue returns when a packet is to be declared lost: a time that may have
// passed. ok is false where nothing later has arrived.
func (r *recovery) overdue(p *sentPacket, t *rtt.Estimator) (at time.Time, ok bool) {
	if p.seq >= r.ackedSeq {
		return time.Time{}, false
	}
	if !r.reordered && r.ackedSeq-1-p.seq >= packetThreshold {
		return p.Time, true
	}
	return p.Time.Add(max(t.Latest, t.Smoothed) + r.window(t)), true
}

// timeout returns when the next probe is due, if anything is in flight.
func (r *recovery) timeout(t *rtt.Estimator, inFlight int) time.Time {
	if inFlight == 0 || r.lastSent.IsZero() {
		return time.Time{}
	}
	d := t.ProbeTimeout()
	most := max(d, min(backOffs*d, maxProbeTimeout))
	return r.lastSent.Add(min(d<<min(r.probes, 10), most))
}
