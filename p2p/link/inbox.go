package link

import (
	"slices"
	"time"

	"p2ptool/p2p/udp"
)

const (
	maxInbox = 4 << 20 // bytes waiting for the loop; more are dropped
	// A batch holds on to a buffer of 64 KiB, so a short one is copied to lie
	// with others.
	copyBelow   = 8 << 10
	arrivalCost = 128 // bytes that an arrival takes itself
	bufferSize  = 64 << 10
)

// An arrival is a run of packets from one route.
type arrival struct {
	route Route
	batch udp.Batch
}

// An inbox holds what arrived until the loop takes it in.
type inbox struct {
	arrivals []arrival
	held     int         // bytes of memory
	shared   *udp.Buffer // where short batches are copied to
	used     int         // of it
}

// put keeps a batch, unless that is too much.
func (in *inbox) put(r Route, b udp.Batch) {
	cost := arrivalCost + len(b.Data)
	if len(b.Data) >= copyBelow {
		cost = bufferSize
	}
	if in.held+cost > maxInbox {
		return
	}
	in.held += cost
	if len(b.Data) >= copyBelow {
		b.Buf.Retain()
	} else {
		b = in.copy(b)
	}
	in.arrivals = append(in.arrivals, arrival{r, b})
}

// crowded tells whether the loop is behind.
func (in *inbox) crowded() bool { return in.held > maxInbox/2 }

// reliefWait is how long whoever delivers waits for a loop that is behind. It is short, since
// the packets of others may come by the same socket.
const reliefWait = time.Millisecond

func (l *Link) awaitRelief() {
	timer := time.NewTimer(reliefWait)
	defer timer.Stop()
	select {
	case <-l.relieved:
	case <-timer.C:
	}
}

func (l *Link) relieve() {
	select {
	case l.relieved <- struct{}{}:
	default:
	}
}

// copy puts a short batch into the shared buffer.
func (in *inbox) copy(b udp.Batch) udp.Batch {
	if in.shared != nil && in.used+len(b.Data) > len(in.shared.Bytes()) {
		in.shared.Release()
		in.shared = nil
	}
	if in.shared == nil {
		in.shared, in.used = udp.NewBuffer(), 0
	}
	in.shared.Retain()
	n := copy(in.shared.Bytes()[in.used:], b.Data)
	b.Buf, b.Data = in.shared, in.shared.Bytes()[in.used:in.used+n:in.used+n]
	in.used += n
	return b
}

// take empties the inbox into space, which has been read, and returns it.
func (in *inbox) take(space []arrival) []arrival {
	out := in.arrivals
	in.arrivals, in.held = slices.Delete(space, 0, len(space)), 0
	if in.shared != nil {
		in.shared.Release()
		in.shared = nil
	}
	return out
}

// drop releases all that is held.
func (in *inbox) drop() {
	for _, a := range in.take(nil) {
		a.batch.Buf.Release()
	}
}
