package link

import (
	"slices"
	"time"

	"p2ptool/p2p/udp"
)

const (
	maxInbox = 4 << 20 // bytes waiting for the loop; more are dropped
	// A batch keeps a buffer of 64 KiB alive, so short ones are copied into a shared one.
	copyBelow   = 8 << 10
	arrivalCost = 128 // bytes of an arrival itself
	bufferSize  = 64 << 10
)

// An arrival is a run of packets from one route.
type arrival struct {
	route Route
	batch udp.Batch
}

// An inbox holds packets that arrived until the loop handles them.
type inbox struct {
	arrivals []arrival
	held     int         // bytes of memory
	shared   *udp.Buffer // to which short batches are copied
	used     int         // bytes of shared
}

// put adds a batch, or drops it if the inbox is full.
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

// crowded reports whether the loop is behind.
func (in *inbox) crowded() bool { return in.held > maxInbox/2 }

// reliefWait is how long Deliver waits for a loop that is behind. It is short, because
// packets of other links may arrive at the same socket.
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

// drain returns the arrivals and empties the inbox, which uses the memory of space from
// now on.
func (in *inbox) drain(space []arrival) []arrival {
	out := in.arrivals
	in.arrivals, in.held = slices.Delete(space, 0, len(space)), 0
	if in.shared != nil {
		in.shared.Release()
		in.shared = nil
	}
	return out
}

// drop releases all arrivals.
func (in *inbox) drop() {
	for _, a := range in.drain(nil) {
		a.batch.Buf.Release()
	}
}
