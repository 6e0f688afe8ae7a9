package recovery

import (
	"time"

	"p2ptool/p2p/link/spans"
)

const maxTracked = 1 << 16 // packets remembered: about 13 MiB at most

// A History holds the ack-eliciting packets in the order in which they were sent, each at a
// place, from the oldest that is not settled to the newest. Other packets are not remembered, so
// that what the peer makes us send costs no memory. The zero value is empty.
type History struct {
	ring       []Packet
	base, next uint64 // places remembered: [base, next)
}

// Add returns a cleared record for the packet that is sent next. Undo takes it back.
func (h *History) Add() *Packet {
	if int(h.next-h.base) == len(h.ring) {
		h.grow()
	}
	p := h.at(h.next)
	h.next++
	*p = Packet{}
	return p
}

func (h *History) grow() {
	old := *h
	h.ring = make([]Packet, max(64, 2*len(old.ring)))
	for i := h.base; i < h.next; i++ {
		*h.at(i) = *old.at(i)
	}
}

// at returns the record at a place, one of [base, next).
func (h *History) at(place uint64) *Packet { return &h.ring[place&uint64(len(h.ring)-1)] }

// find returns the first place whose packet's number is at least n.
func (h *History) find(n uint64) uint64 {
	low, high := h.base, h.next
	for low < high {
		if mid := (low + high) / 2; h.at(mid).Number < n {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// settle marks the packet at a place, whose frames are not needed any more.
func (h *History) settle(place uint64) {
	p := h.at(place)
	p.State, p.skip = Settled, place+1
	p.few, p.more, p.Count = [2]Frame{}, nil, 0
}

// unsettled returns the first place from the given one on that is not settled. It shortens the way
// for later calls, so that passing over what is settled is cheap however often it is done.
func (h *History) unsettled(place uint64) uint64 {
	end := place
	for end < h.next && h.at(end).State == Settled {
		end = h.at(end).skip
	}
	for place < end {
		p := h.at(place)
		place, p.skip = p.skip, end
	}
	return end
}

// Full reports whether no more packets should be sent until some are settled.
func (h *History) Full() bool { return h.next-h.base >= maxTracked }

// trim drops settled packets, and lost ones for which forget returns true, up to the first that is
// neither.
func (h *History) trim(forget func(*Packet) bool) {
	for h.base = h.unsettled(h.base); h.base < h.next; h.base = h.unsettled(h.base) {
		p := h.at(h.base)
		if p.State == InFlight || !forget(p) {
			return
		}
		h.settle(h.base)
	}
}

// Undo takes back the last Add.
func (h *History) Undo() { h.next-- }

// InFlightOn yields what is in flight on a path, oldest first.
func (h *History) InFlightOn(p *Path) func(yield func(*Packet) bool) {
	return func(yield func(*Packet) bool) {
		at := max(p.oldest, h.base)
		first := true
		for at = h.unsettled(at); at < h.next; at = h.unsettled(at + 1) {
			s := h.at(at)
			if s.Path != p || s.State != InFlight {
				continue
			}
			if first {
				p.oldest = at
			}
			if !yield(s) {
				return
			}
			first = first && s.State != InFlight
		}
		if first {
			p.oldest = h.next
		}
	}
}

// A lost packet is remembered for some round trips, within these bounds, to notice a spurious
// loss.
const (
	rememberTrips = 8
	rememberMin   = 100 * time.Millisecond
	rememberMax   = 3 * time.Second
)

// Forget drops the packets of which nothing more can be learned.
func (h *History) Forget(now time.Time) {
	full := h.Full()
	h.trim(func(p *Packet) bool {
		keep := min(max(rememberTrips*p.Path.RTT.Estimate(), rememberMin), rememberMax)
		return full || now.Sub(p.Time) > keep
	})
}

// SettleAll calls acked for each packet with a number in s that is not settled yet, in order, and
// settles it.
func (h *History) SettleAll(s spans.Span, acked func(*Packet)) {
	for at := h.unsettled(h.find(s.Start)); at < h.next && h.at(at).Number < s.End; at = h.unsettled(at) {
		acked(h.at(at))
		h.settle(at)
	}
}

// Lookup returns the packet with a number, nil if it is settled or not remembered.
func (h *History) Lookup(number uint64) *Packet {
	at := h.find(number)
	if at == h.next || h.at(at).Number != number || h.at(at).State == Settled {
		return nil
	}
	return h.at(at)
}

// End returns the place of the next packet.
func (h *History) End() uint64 { return h.next }

// Records returns for how many packets the history has memory.
func (h *History) Records() int { return len(h.ring) }
