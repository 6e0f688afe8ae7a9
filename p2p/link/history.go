package link

import "time"

type packetState uint8

const (
	settled  packetState = iota // acknowledged, or nothing that could be lost
	inFlight                    // waits for its acknowledgement
	lost                        // declared lost; kept a while, to learn of a wrong verdict
)

type frameKind uint8

const (
	sentData frameKind = iota + 1
	sentWindow
	sentReset
	sentStop
	sentCandidates
)

// A sentFrame is what must be sent again if its packet is lost.
type sentFrame struct {
	kind   frameKind
	fin    bool
	stream *Stream
	data   span
}

// A sentPacket is what is remembered of a packet that was sent.
type sentPacket struct {
	time   time.Time
	path   *path
	seq    uint64 // its place among the packets of its path
	size   int
	state  packetState
	frames []sentFrame
	few    [2]sentFrame // what frames lies in, mostly
}

func (p *sentPacket) record(f sentFrame) { p.frames = append(p.frames, f) }

// A history remembers the packets from the oldest that is not settled to the
// newest, in a ring, by their number.
type history struct {
	ring       []sentPacket
	base, next uint64 // numbers remembered: [base, next)
}

// add returns a cleared record for the packet of the next number.
func (h *history) add() *sentPacket {
	if int(h.next-h.base) == len(h.ring) {
		h.grow()
	}
	p := &h.ring[h.next&uint64(len(h.ring)-1)]
	h.next++
	*p = sentPacket{}
	p.frames = p.few[:0]
	return p
}

func (h *history) grow() {
	old, n := h.ring, uint64(len(h.ring))
	h.ring = make([]sentPacket, max(64, 2*n))
	for i := h.base; i < h.next; i++ {
		p := &h.ring[i&uint64(len(h.ring)-1)]
		*p = old[i&(n-1)]
		if len(p.frames) <= len(p.few) {
			p.frames = p.few[:len(p.frames)] // the slice pointed into the old ring
		}
	}
}

// at returns the record of a packet, or nil if it is not remembered.
func (h *history) at(n uint64) *sentPacket {
	if n < h.base || n >= h.next {
		return nil
	}
	return &h.ring[n&uint64(len(h.ring)-1)]
}

// trim forgets what is settled, and lost packets sent before old, up to the
// first that is neither.
func (h *history) trim(old time.Time) {
	for h.base < h.next {
		p := h.at(h.base)
		if p.state == inFlight || p.state == lost && p.time.After(old) {
			return
		}
		*p = sentPacket{}
		h.base++
	}
}

// undo takes back the last add.
func (h *history) undo() { h.next-- }
