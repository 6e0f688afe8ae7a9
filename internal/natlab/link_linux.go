package natlab

import "time"

// A Link describes one direction of the link between a device and its segment; a round trip
// takes twice the delay. The zero value passes every packet at once.
//
// A packet first waits in the queue for the rate, is then lost, reordered or duplicated, and
// is delayed last. Random losses therefore use up their share of the rate. To have the loss
// before the bottleneck, set the loss at the sender's link and the rate at the receiver's.
type Link struct {
	Delay  time.Duration // one way
	Jitter time.Duration // added to Delay, uniform between 0 and this; keeps the order

	Loss      float64       // the part of packets that is lost, 0 to 1
	Duplicate float64       // the part that arrives twice
	Reorder   float64       // the part that is held up, so that others overtake it
	ReorderBy time.Duration // for how long; 0: 3 ms

	Rate      int           // bytes of IP packets a second; 0: without limit
	Queue     int           // bytes that may wait for their turn
	QueueTime time.Duration // the same as the time that Rate takes for them, where Queue is 0; 0: 100 ms
	// Policer drops packets that exceed Rate instead of queueing them. Queue is then the
	// size of the token bucket: the burst that passes at once after a pause.
	Policer bool

	MTU int // the longest IP packet that passes, in bytes; 0: any. No ICMP is sent
}

const (
	// defaultDelay is the delay of access links by default: without any, races between
	// simultaneous probes stay hidden.
	defaultDelay     = 3 * time.Millisecond
	defaultQueueTime = 100 * time.Millisecond
	defaultReorderBy = 3 * time.Millisecond
)

// turn returns how long sending n bytes takes at the link's rate.
func (l Link) turn(n int) time.Duration {
	return time.Duration(float64(n) / float64(l.Rate) * float64(time.Second))
}

// wait returns how long a full queue takes to drain.
func (l Link) wait() time.Duration {
	switch {
	case l.Queue > 0:
		return l.turn(l.Queue)
	case l.QueueTime > 0:
		return l.QueueTime
	}
	return defaultQueueTime
}
