package link

import (
	"p2ptool/p2p/link/congestion"
	"p2ptool/p2p/link/spans"
)

type packetState uint8

const (
	settled  packetState = iota // acknowledged
	inFlight                    // waits for its acknowledgement
	lost                        // declared lost; kept a while, to learn of a wrong verdict
)

type frameKind uint8

const (
	sentDatagram frameKind = iota // counts for congestion, is not sent again
	sentData
	sentWindow
	sentReset
	sentStop
	sentCandidates
	sentNAT
	sentPorts
	sentFiller
)

// ofStream reports whether frames of the kind belong to a stream.
func (k frameKind) ofStream() bool { return k >= sentData && k <= sentStop }

// A sentFrame is what must be sent again if its packet is lost.
type sentFrame struct {
	kind   frameKind
	fin    bool
	stream uint64 // of kinds of a stream
	data   spans.Span
}

// A sentPacket is what is remembered of a packet that wants an acknowledgement.
type sentPacket struct {
	congestion.Sent
	number uint64
	path   *path
	seq    uint64 // its place among the packets of its path
	told   uint64 // its own ACK told of all numbers below this one
	skip   uint64 // once settled: no place before this one is not
	state  packetState

	count uint8 // of frames
	few   [2]sentFrame
	more  []sentFrame // where few do not hold them
}

func (p *sentPacket) record(f sentFrame) {
	if int(p.count) < len(p.few) {
		p.few[p.count] = f
	} else {
		p.more = append(p.more, f)
	}
	p.count++
}

// full reports whether no more frames can be recorded.
func (p *sentPacket) full() bool { return p.count == maxFrames }

// frame returns the i-th frame, of p.count.
func (p *sentPacket) frame(i int) sentFrame {
	if i < len(p.few) {
		return p.few[i]
	}
	return p.more[i-len(p.few)]
}

const (
	maxFrames  = 200     // recorded of one packet
	maxTracked = 1 << 16 // packets remembered: at most some 13 MiB
)

// A history remembers the packets that want an acknowledgement in the order
// in which they were sent, each at a place: those from the oldest that is not
// settled to the newest. Others are not remembered, so that what the other
// side makes us send costs no memory.
type history struct {
	ring       []sentPacket
	base, next uint64 // places remembered: [base, next)
}

// add returns a cleared record at the next place.
func (h *history) add() *sentPacket {
	if int(h.next-h.base) == len(h.ring) {
		h.grow()
	}
	p := h.at(h.next)
	h.next++
	*p = sentPacket{}
	return p
}

func (h *history) grow() {
	old := *h
	h.ring = make([]sentPacket, max(64, 2*len(old.ring)))
	for i := h.base; i < h.next; i++ {
		*h.at(i) = *old.at(i)
	}
}

// at returns the record at a place, one of [base, next).
func (h *history) at(place uint64) *sentPacket { return &h.ring[place&uint64(len(h.ring)-1)] }

// find returns the first place whose packet's number is at least n.
func (h *history) find(n uint64) uint64 {
	low, high := h.base, h.next
	for low < high {
		if mid := (low + high) / 2; h.at(mid).number < n {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// settle marks the packet at a place, whose frames are not needed any more.
func (h *history) settle(place uint64) {
	p := h.at(place)
	p.state, p.skip = settled, place+1
	p.few, p.more, p.count = [2]sentFrame{}, nil, 0
}

// unsettled returns the first place from the given one on that is not settled.
// It shortens the way for the next who asks, so that asking again and again
// about what is settled costs little.
func (h *history) unsettled(place uint64) uint64 {
	end := place
	for end < h.next && h.at(end).state == settled {
		end = h.at(end).skip
	}
	for place < end {
		p := h.at(place)
		place, p.skip = p.skip, end
	}
	return end
}

// full reports whether no more packets should be added.
func (h *history) full() bool { return h.next-h.base >= maxTracked }

// trim forgets what is settled, and lost packets of which forget says so, up
// to the first that is neither.
func (h *history) trim(forget func(*sentPacket) bool) {
	for h.base = h.unsettled(h.base); h.base < h.next; h.base = h.unsettled(h.base) {
		p := h.at(h.base)
		if p.state == inFlight || !forget(p) {
			return
		}
		h.settle(h.base)
	}
}

// undo takes back the last add.
func (h *history) undo() { h.next-- }
