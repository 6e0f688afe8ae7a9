package natlab

import "time"

// A Link is what the way between a device and its segment does to packets, in
// each direction for itself: a round trip takes twice the delay. The zero value passes
// everything at once.
//
// A packet waits for its turn first, is lost, held up or doubled then, and is
// delayed last. So what is lost by chance has used its part of the rate; where the
// loss is to come before the bottleneck, the one belongs to the sender's link and the other
// to the receiver's.
type Link struct {
	Delay  time.Duration // one way
	Jitter time.Duration // added to Delay, evenly between 0 and this; keeps the order

	Loss      float64       // the part of packets that is lost, 0 to 1
	Duplicate float64       // the part that arrives twice
	Reorder   float64       // the part that is held up, so that others overtake it
	ReorderBy time.Duration // for how long; 0: 3 ms

	Rate      int           // bytes of IP packets a second; 0: without limit
	Queue     int           // bytes that may wait for their turn
	QueueTime time.Duration // the same as the time that Rate takes for them, where Queue is 0; 0: 100 ms
	// Policer has nothing wait: what exceeds Rate is dropped. The queue is then the
	// bucket: what may pass at once after a rest.
	Policer bool

	MTU int // the longest IP packet that passes, in bytes; 0: any. No ICMP is sent
}

const (
	// defaultDelay is what the access links of the internet have at first: without
	// any, the races of simultaneous opening stay hidden.
	defaultDelay     = 3 * time.Millisecond
	defaultQueueTime = 100 * time.Millisecond
	defaultReorderBy = 3 * time.Millisecond
)

// turn returns how long n bytes take at the link's rate.
func (l Link) turn(n int) time.Duration {
	return time.Duration(float64(n) / float64(l.Rate) * float64(time.Second))
}

// wait returns how long the last byte of the queue waits before it has left.
func (l Link) wait() time.Duration {
	switch {
	case l.Queue > 0:
		return l.turn(l.Queue)
	case l.QueueTime > 0:
		return l.QueueTime
	}
	return defaultQueueTime
}
