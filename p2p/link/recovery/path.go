package recovery

import (
	"time"

	"p2ptool/p2p/link/congestion"
	"p2ptool/p2p/rtt"
)

const (
	packetThreshold = 3           // RFC 9002, section 6.1.1
	maxProbeTimeout = time.Second // so that a link is back soon after an outage
	backOffs        = 4           // times the probe timeout at most: where half is lost, several go unanswered
	maxReorderSteps = 16          // of the reordering window, in quarters of a round trip
	calmEpisodes    = 16          // of loss without a spurious one reset the reordering window
	stallTimeouts   = 3           // RFC 9002, section 7.6.1
)

// A Path is what loss detection and congestion control know of a path. Lost packets are found
// by RACK (RFC 8985) if something sent later has arrived, and by a probe timeout (RFC 9002,
// section 6.2) if not.
type Path struct {
	RTT        rtt.Estimator
	Controller congestion.Controller
	Pacer      congestion.Pacer
	InFlight   int // bytes
	redundancy redundancy
	Hole       BlackHole

	sent     uint64 // packets sent on the path, to number the next
	ackedSeq uint64 // one more than the highest number acknowledged
	news     bool   // packets were acknowledged since losses were last looked for
	oldest   uint64 // no place in the history before this one is in flight on the path

	reorder reordering

	LossAt   time.Time // when the next packet will be overdue
	lastSent time.Time // of ack-eliciting packets
	Probes   int       // timeouts in a row
	Small    bool      // the last packet that a timeout sends is to be a small one: see BlackHole

	missFirst time.Time // when the first of a run of lost packets was sent
	missNext  uint64    // the number that would continue the run
}

// reordering is how much a path has been seen to reorder.
type reordering struct {
	seen    bool
	steps   int    // of the reordering window
	widened uint64 // packets from here on were sent since a step was last added
	episode uint64 // packets from here on were sent since the last episode of loss began
	calm    int    // episodes since the last spurious loss
}

// NewPath returns the state of a path whose full packets have that many bytes.
func NewPath(now time.Time, packet int) Path {
	return Path{Controller: congestion.NewBBR(now, packet)}
}

// Skip says that no packet before this place of the history was sent on the path.
func (r *Path) Skip(place uint64) { r.oldest = place }

// Track puts a packet of n bytes in flight.
func (r *Path) Track(now time.Time, p *Packet, n int) {
	p.Time, p.Path, p.Size, p.State = now, r, int32(n), InFlight
	p.seq = r.sent
	r.sent++
	r.Controller.Sent(now, &p.Sent, r.InFlight)
	r.lastSent = now
	r.InFlight += n
	r.Pacer.Spend(n)
}

// Settle handles the acknowledgement of a packet. Packets of one ACK are settled in the order in
// which they were sent: only what is acknowledged after a later one has been overtaken.
func (r *Path) Settle(now time.Time, p *Packet) {
	late := p.State == Lost
	r.acked(p, late)
	r.Hole.acked(p)
	if late {
		r.Controller.SpuriousLoss(now, &p.Sent)
		return
	}
	r.InFlight -= int(p.Size)
	r.Controller.Acked(now, &p.Sent, r.InFlight, &r.RTT)
}

// Lose takes a packet out of flight.
func (r *Path) Lose(p *Packet) {
	r.InFlight -= int(p.Size)
	r.missed(p)
	p.State = Lost
}

// Judge reports to congestion control a packet that was lost because later ones have arrived. carries
// is the size of packets that the path certainly carries.
func (r *Path) Judge(now time.Time, p *Packet, carries int) {
	r.Hole.missed(p, carries)
	r.Controller.Lost(now, &p.Sent)
	if r.stalled(p, &r.RTT) {
		r.Controller.PersistentCongestion()
		r.RTT.ResetMin() // RFC 9002, section 5.2
	}
}

// TakeNews reports whether packets were acknowledged since it was last called.
func (r *Path) TakeNews() bool {
	news := r.news
	r.news = false
	return news
}

// Carried returns how many packets were sent on the path.
func (r *Path) Carried() uint64 { return r.sent }

// window is the reordering window (RFC 8985, section 6.2, step 4): how late a packet may be after one
// that was sent later.
func (r *Path) window(t *rtt.Estimator) time.Duration {
	w := t.Min / 4 * time.Duration(1+r.reorder.steps)
	return max(min(w, t.Smoothed), rtt.Granularity)
}

// acked notes that a packet arrived. late says that it had been declared lost.
func (r *Path) acked(p *Packet, late bool) {
	if p.seq < r.ackedSeq {
		r.reorder.seen = true
	}
	if late {
		r.widen(p)
	}
	r.ackedSeq = max(r.ackedSeq, p.seq+1)
	r.Probes = 0
	r.news = true
}

// widen makes the reordering window one step wider, once in a round trip.
func (r *Path) widen(p *Packet) {
	r.reorder.calm = 0
	if p.seq >= r.reorder.widened {
		r.reorder.steps = min(r.reorder.steps+1, maxReorderSteps)
		r.reorder.widened = r.sent
	}
}

// missed notes that a packet was lost.
func (r *Path) missed(p *Packet) {
	if p.seq != r.missNext || r.missFirst.IsZero() {
		r.missFirst = p.Time
	}
	r.missNext = p.seq + 1
	if p.seq < r.reorder.episode {
		return
	}
	r.reorder.episode = r.sent
	if r.reorder.calm++; r.reorder.calm == calmEpisodes {
		r.reorder.steps, r.reorder.calm = 0, 0
	}
}

// stalled reports persistent congestion (RFC 9002, section 7.6): nothing arrived of what was sent over
// several probe timeouts. p is the packet that was lost last.
func (r *Path) stalled(p *Packet, t *rtt.Estimator) bool {
	if !t.Sampled || p.Time.Sub(r.missFirst) <= stallTimeouts*t.ProbeTimeout() {
		return false
	}
	r.missFirst = p.Time
	return true
}

// Overdue returns when a packet is to be declared lost, which may be in the past. ok is false if
// nothing sent later has arrived.
func (r *Path) Overdue(p *Packet) (at time.Time, ok bool) {
	t := &r.RTT
	if p.seq >= r.ackedSeq {
		return time.Time{}, false
	}
	if !r.reorder.seen && r.ackedSeq-1-p.seq >= packetThreshold {
		return p.Time, true
	}
	return p.Time.Add(max(t.Latest, t.Smoothed) + r.window(t)), true
}

// Timeout returns when the next probe is due, the zero time if nothing is in flight.
func (r *Path) Timeout() time.Time {
	if r.InFlight == 0 || r.lastSent.IsZero() {
		return time.Time{}
	}
	d := r.RTT.ProbeTimeout()
	most := max(d, min(backOffs*d, maxProbeTimeout))
	return r.lastSent.Add(min(d<<min(r.Probes, 10), most))
}

// Probe notes that a probe timeout has expired.
func (r *Path) Probe(now time.Time) {
	r.Probes++
	r.lastSent = now
}
