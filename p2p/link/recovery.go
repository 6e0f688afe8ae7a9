package link

import "time"

const (
	packetThreshold = 3               // RFC 9002, section 6.1.1
	maxProbeTimeout = time.Second     // so that a link is back soon after an outage
	maxReorderSteps = 16              // of the window, in quarters of a round trip
	rememberLost    = 3 * time.Second // how long a wrong verdict can be noticed
)

// recovery is a path's part of loss detection: RACK (RFC 8985) for packets
// that something later overtook, a probe timeout (RFC 9002, section 6.2) for
// the last ones.
type recovery struct {
	sent      uint64    // packets sent on the path, to number the next
	ackedSeq  uint64    // of the packets acknowledged, one more than the highest
	ackedTime time.Time // of the packets acknowledged, when the latest was sent

	reordered bool // the path has been seen to reorder
	steps     int  // of the reordering window
	lossAt    time.Time
	lastSent  time.Time // of packets that want an acknowledgement
	probes    int       // timeouts in a row
	firstMiss time.Time // send time of the oldest packet lost since the last acknowledgement
}

// window is how long a packet may be overtaken before it is lost (RFC 8985,
// section 6.2, step 4).
func (r *recovery) window(t *rtt) time.Duration {
	w := t.min / 4 * time.Duration(1+r.steps)
	return max(min(w, t.smoothed), granularity)
}

// acked notes that a packet arrived; late says that it had been declared lost.
func (r *recovery) acked(p *sentPacket, late bool) {
	if p.seq+1 < r.ackedSeq {
		r.reordered = true
	}
	if late {
		r.steps = min(r.steps+1, maxReorderSteps)
	}
	if p.seq >= r.ackedSeq {
		r.ackedSeq, r.ackedTime = p.seq+1, p.time
	}
	r.probes = 0
	r.firstMiss = time.Time{}
}

// overdue returns when a packet is to be declared lost: a time that may have
// passed. ok is false where nothing later has arrived.
func (r *recovery) overdue(p *sentPacket, t *rtt) (at time.Time, ok bool) {
	if p.seq >= r.ackedSeq {
		return time.Time{}, false
	}
	if !r.reordered && r.ackedSeq-1-p.seq >= packetThreshold {
		return p.time, true
	}
	return p.time.Add(max(t.latest, t.smoothed) + r.window(t)), true
}

// timeout returns when the next probe is due, if anything is in flight.
func (r *recovery) timeout(t *rtt, inFlight int) time.Time {
	if inFlight == 0 || r.lastSent.IsZero() {
		return time.Time{}
	}
	d := t.probeTimeout()
	return r.lastSent.Add(min(d<<min(r.probes, 10), max(maxProbeTimeout, d)))
}
